// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz study: evaluations by kvviz-engine, one after the other, then verdicts and a page.
#include "app/child_process.hpp"
#include "app/commands.hpp"
#include "app/commands/study_figures.hpp"
#include "app/commands/study_output.hpp"
#include "app/console.hpp"
#include "app/dispatch.hpp"
#include "core/error.hpp"
#include "core/io/part_file.hpp"
#include "study/step_runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace kvviz::app {
namespace {

namespace fs = std::filesystem;

study::StudyOptions studyOptions(const StudyCommandOptions& options)
{
    study::StudyOptions result;
    result.observations = study::parseObservations(options.observations);
    result.models = options.models;
    result.dataDir = options.dataDir;
    result.limit = options.limit;
    result.seed = options.seed;
    result.quick = options.quick;
    result.allowCodeExecution = options.allowCodeExecution;
    return result;
}

/// The folder's manifest, or a new one.
study::Manifest openStudy(const fs::path& folder, const study::StudyOptions& wanted, const study::StudyPlan& plan,
                          bool resume, const CommonOptions& common)
{
    study::Manifest manifest;
    std::error_code error;
    if (fs::exists(folder / study::kManifestName, error)) {
        if (!resume)
            throw core::Error(core::ErrorCode::usage,
                              fmt::format("'{}' holds a study already; --resume goes on with it, or choose another "
                                          "folder", folder.string()));
        manifest = study::readManifest(folder);
    }
    fs::create_directories(folder, error);
    if (error)
        throw core::Error(core::ErrorCode::failure,
                          fmt::format("cannot create the folder '{}': {}", folder.string(), error.message()));
    manifest.creator = creatorName();
    manifest.commandLine = common.commandLine;
    manifest.observations.insert(wanted.observations.begin(), wanted.observations.end());
    for (const std::string& note : plan.notes)
        if (std::find(manifest.notes.begin(), manifest.notes.end(), note) == manifest.notes.end())
            manifest.notes.push_back(note);
    return manifest;
}

/// The share in a progress line of ours, "phase  12/40  30 %"; negative if it is none.
double shareIn(const std::string& line)
{
    const std::size_t slash = line.find('/');
    const std::size_t begin = line.rfind("  ", slash);
    if (slash == std::string::npos || begin == std::string::npos)
        return -1;
    double done = 0, total = 0;
    const auto first = std::from_chars(line.data() + begin + 2, line.data() + slash, done);
    const auto second = std::from_chars(line.data() + slash + 1, line.data() + line.size(), total);
    const bool good = first.ec == std::errc() && second.ec == std::errc() && first.ptr == line.data() + slash
                      && total > 0 && done >= 0 && done <= total;
    return good ? done / total : -1;
}

study::StepProgram engineProgram(const CommonOptions& common, const std::stop_token& stop)
{
    return [common, stop](const study::StepCall& call, const study::StepProgress& progress) {
        std::vector<std::string> arguments = call.arguments;
        const fs::path engine = requireHelper(Program::engine, "study");
        if (common.threads > 0)
            arguments.insert(arguments.end(), {"--threads", std::to_string(common.threads)});
        std::vector<std::string> lines;
        const auto onLine = [&](const std::string& line) {
            if (const double share = shareIn(line); share >= 0)
                progress(share);
            else
                lines.push_back(line);
        };
        const int status = runChild(engine, arguments, onLine, stop, call.standardOutput);
        std::string message = status == 0 ? "" : errorOf(lines);
        if (status != 0 && message.empty())
            message = fmt::format("kvviz-engine ended with status {}", status);
        return study::StepOutcome{stop.stop_requested() ? static_cast<int>(core::ErrorCode::cancelled) : status,
                                  message};
    };
}

void writePage(const fs::path& path, const std::string& text)
{
    io::PartFile file(path, true);
    file.write(text);
    file.publish();
}

/// A study of which nothing was measured has no page; what went wrong is said instead.
void requireResults(const study::Manifest& manifest)
{
    for (const study::StepRecord& step : manifest.steps)
        if (step.state == "done")
            return;
    const std::string why = manifest.steps.empty() ? "there was nothing to run" : manifest.steps.front().message;
    throw core::Error(core::ErrorCode::failure, fmt::format("no step of the study could be measured: {}", why));
}

study::PageContent makePage(const fs::path& folder, study::Manifest manifest, bool withFigures,
                            const core::Progress& progress)
{
    study::PageContent content;
    content.data = study::collectBlocks(study::readResults(folder, manifest));
    content.latencies = study::readLatencies(folder, manifest);
    content.verdicts = study::judge(content.data, manifest.observations);
    if (withFigures) {
        progress("figures", 0, 0);
        DrawnFigures drawn = drawFigures(figureJobs(manifest), folder, progress.stop);
        content.figures = std::move(drawn.figures);
        content.noFigures = std::move(drawn.missing);
        content.data.faults.insert(content.data.faults.end(), drawn.notes.begin(), drawn.notes.end());
    } else {
        content.noFigures = "--no-figures was given.";
    }
    content.manifest = std::move(manifest);
    study::writeManifest(folder, content.manifest);
    const study::Document page = study::studyPage(content);
    writePage(folder / "study.md", study::toMarkdown(page));
    writePage(folder / "study.html", study::toHtml(page));
    return content;
}

} // namespace

int runStudy(const StudyCommandOptions& options, const CommonOptions& common)
{
    const study::StudyOptions wanted = studyOptions(options);
    const study::StudyPlan plan = study::planStudy(wanted);
    const fs::path folder = options.output;
    study::Manifest manifest = openStudy(folder, wanted, plan, options.resume, common);
    const core::Progress progress = consoleProgress(common);
    for (const std::string& note : plan.notes)
        app::note(common, note);
    study::runSteps(plan.steps, folder, manifest, engineProgram(common, progress.stop), progress);
    requireResults(manifest);
    const study::PageContent content = makePage(folder, std::move(manifest), !options.noFigures, progress);
    finishProgress();
    if (common.json)
        printJson(studyJson(content, folder.string()));
    else
        printOut(studyText(content, folder.string()));
    const bool whole = std::all_of(content.manifest.steps.begin(), content.manifest.steps.end(),
                                   [](const study::StepRecord& step) { return step.state == "done"; });
    return whole ? 0 : static_cast<int>(core::ErrorCode::partial);
}

} // namespace kvviz::app
