// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Which figures, and how the program that draws them is called.
#include "app/commands/study_figures.hpp"

#include "app/child_process.hpp"
#include "app/dispatch.hpp"
#include "core/error.hpp"
#include "study/paper_sets.hpp"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

namespace kvviz::app {
namespace {

using study::StepRecord;

struct Kind {
    int observation;
    const char* by;
    const char* caption;
};

constexpr Kind kKinds[] = {
    {1, "task", "Relative change of the score against the fraction kept, by task"},
    {2, "model", "Relative change of the score on arithmetic, by model"},
    {3, "shots", "Relative change of the score on arithmetic, by number of examples"},
    {4, "method", "Relative change of the score on many-shot arithmetic, by method"},
    {6, "task", "Relative change of the score of long generation and of short answers"},
};

bool isShown(const StepRecord& step, int observation)
{
    const bool uncompressed = step.settings.find("--methods\nfullkv\n") != std::string::npos;
    return step.state == "done" && !step.isBench() && step.observations.contains(observation) && !uncompressed
           && (observation != 4 || step.shots >= study::kManyShots);
}

std::string contentOf(const std::filesystem::path& path)
{
    std::ifstream stream(path, std::ios::binary);
    std::stringstream bytes;
    bytes << stream.rdbuf();
    return stream ? bytes.str() : std::string();
}

/// Draws one; its error, or nothing if all is well.
std::string draw(const FigureJob& job, const std::filesystem::path& gui, const std::filesystem::path& folder,
                 const std::filesystem::path& output, const std::stop_token& stop)
{
    std::vector<std::string> arguments{"figure", "delta"};
    for (const std::string& file : job.files)
        arguments.push_back((folder / study::kResultsFolder / file).string());
    arguments.insert(arguments.end(), {"-o", output.string(), "--by", job.by, "--published", "--force", "-q"});
    std::vector<std::string> lines;
    const int status = runChild(gui, arguments, [&](const std::string& line) { lines.push_back(line); }, stop);
    if (status == 0 && std::filesystem::exists(output))
        return "";
    const std::string message = errorOf(lines);
    return message.empty() ? fmt::format("kvviz-gui ended with status {}", status) : message;
}

} // namespace

std::vector<FigureJob> figureJobs(const study::Manifest& manifest)
{
    std::vector<FigureJob> jobs;
    for (const Kind& kind : kKinds) {
        if (!manifest.observations.contains(kind.observation))
            continue;
        const std::size_t first = jobs.size(); // of this observation; one job a model
        for (const StepRecord& step : manifest.steps) {
            if (!isShown(step, kind.observation))
                continue;
            const bool together = kind.observation == 2; // its lines are models
            const std::string name = together ? "obs2" : fmt::format("obs{}-{}", kind.observation, step.modelLabel);
            std::size_t place = first;
            while (place < jobs.size() && jobs[place].name != name)
                ++place;
            if (place == jobs.size())
                jobs.push_back({kind.observation, name, {}, kind.by,
                                together ? kind.caption : fmt::format("{} ({})", kind.caption, step.modelLabel)});
            jobs[place].files.push_back(step.file);
        }
    }
    return jobs;
}

DrawnFigures drawFigures(const std::vector<FigureJob>& jobs, const std::filesystem::path& folder,
                         const std::stop_token& stop)
{
    DrawnFigures result;
    const std::optional<std::filesystem::path> gui = findHelper(Program::gui);
    if (!gui) {
        result.missing = "they need kvviz-gui, which is neither beside kvviz nor in PATH.";
        return result;
    }
    std::filesystem::create_directories(folder / "figures");
    for (const FigureJob& job : jobs) {
        const std::string file = fmt::format("figures/{}.svg", job.name);
        const std::string fault = draw(job, *gui, folder, folder / file, stop);
        if (stop.stop_requested())
            throw core::Error(core::ErrorCode::cancelled, "stopped by request");
        if (fault.empty())
            result.figures.push_back({job.observation, {file, contentOf(folder / file), job.caption}});
        else
            result.notes.push_back(fmt::format("the figure {} was not drawn: {}", job.name, fault));
    }
    if (result.figures.empty())
        result.missing = result.notes.empty() ? "no step that has a figure is done." : result.notes.front() + ".";
    return result;
}

std::string errorOf(const std::vector<std::string>& lines)
{
    constexpr std::string_view kMark = "error: ";
    for (auto line = lines.rbegin(); line != lines.rend(); ++line)
        if (const std::size_t place = line->find(kMark); place != std::string::npos)
            return line->substr(place + kMark.size());
    return lines.empty() ? "" : lines.back();
}

} // namespace kvviz::app
