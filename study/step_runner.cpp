// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The loop over steps, its clock, and the way back from files to records.
#include "study/step_runner.hpp"

#include "core/error.hpp"
#include "core/stopwatch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace kvviz::study {
namespace {

constexpr int kUsage = static_cast<int>(core::ErrorCode::usage);
constexpr int kBadInput = static_cast<int>(core::ErrorCode::badInput);
constexpr int kCancelled = static_cast<int>(core::ErrorCode::cancelled);

bool fileExists(const std::filesystem::path& path)
{
    std::error_code ignored;
    return std::filesystem::is_regular_file(path, ignored);
}

std::string clockText(double seconds)
{
    const auto whole = std::llround(seconds);
    return whole >= 3600 ? fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
                         : fmt::format("{}:{:02}", whole / 60, whole % 60);
}

/// As it could be typed in a shell.
std::string typed(const std::vector<std::string>& arguments)
{
    std::string line = "kvviz";
    for (const std::string& word : arguments) {
        const bool plain = !word.empty() && word.find_first_of(" ;'\"\\$`*?&|<>()[]{}~#!\n\t") == std::string::npos;
        std::string quoted;
        for (const char c : word)
            quoted += c == '\'' ? "'\\''" : std::string(1, c);
        line += plain ? " " + word : " '" + quoted + "'";
    }
    return line;
}

/// Work is counted in answers; a prompt of many shots takes longer to read.
double workOf(const EvalStep& step)
{
    return static_cast<double>(step.answers()) * (1 + 0.1 * std::max(step.shots, 0));
}

/// Time left, from the work that this process has done. What an earlier one has done costs nothing now.
class Clock {
public:
    explicit Clock(double work) : m_left(work) {}

    /// The running step is done to this share, of which the first that it reports was there before.
    void report(double stepWork, double share)
    {
        if (m_before < 0)
            m_before = share;
        m_stepDone = stepWork * (share - m_before);
        m_stepThere = stepWork * share;
    }
    /// The step has ended. Without a report it was not run.
    void finish(double stepWork)
    {
        m_left -= stepWork;
        m_done += m_before < 0 ? 0 : stepWork * (1 - m_before);
        m_before = -1;
        m_stepDone = m_stepThere = 0;
    }
    /// "; about 12:30 left"; empty before anything is known.
    [[nodiscard]] std::string text() const
    {
        const double done = m_done + m_stepDone, seconds = m_watch.seconds();
        if (done <= 0 || seconds < 1)
            return "";
        return fmt::format("; about {} left", clockText(seconds / done * (m_left - m_stepThere)));
    }

private:
    core::Stopwatch m_watch;
    double m_left, m_done = 0;
    double m_before = -1, m_stepDone = 0, m_stepThere = 0;
};

StepRecord& recordFor(Manifest& manifest, const EvalStep& step)
{
    StepRecord* const known = manifest.find(step);
    StepRecord& record = known != nullptr ? *known : manifest.steps.emplace_back();
    record.key = step.key;
    record.modelLabel = step.modelLabel;
    record.model = step.model;
    record.observations.insert(step.observations.begin(), step.observations.end());
    return record;
}

class StepRun {
public:
    StepRun(const EvalStep& step, std::filesystem::path results, const StepProgram& program, StepProgress progress)
        : m_step(step), m_results(std::move(results)), m_program(program), m_progress(std::move(progress))
    {
    }

    /// Tries the step's shots, then fewer as long as the prompts do not fit. `save` is called before each try.
    void run(StepRecord& record, const std::function<void()>& save)
    {
        const bool sameBefore = record.settings == m_step.settings();
        std::vector<int> shots{m_step.shots};
        shots.insert(shots.end(), m_step.fewerShots.begin(), m_step.fewerShots.end());
        std::string refused;
        for (const int number : shots) {
            begin(record, number);
            save();
            const StepOutcome outcome = attempt(record, number, sameBefore);
            record.message = outcome.message;
            if (outcome.status == kCancelled)
                throw core::Error(core::ErrorCode::cancelled,
                                  fmt::format("stopped in step {}; the same command with --resume goes on",
                                              m_step.label()));
            if (outcome.status == 0 || outcome.status == static_cast<int>(core::ErrorCode::partial)) {
                record.state = "done";
                record.message = refused.empty() ? outcome.message : refused;
                return;
            }
            record.state = "failed";
            if (outcome.status != kBadInput || outcome.message.find("context") == std::string::npos)
                return;
            refused = fmt::format("with {} shots: {}", number, outcome.message);
        }
    }

private:
    void begin(StepRecord& record, int shots) const
    {
        record.label = m_step.label();
        record.settings = m_step.settings();
        record.file = m_step.file(shots);
        record.shots = shots;
        record.questions = m_step.questions;
        record.prompts = m_step.limit;
        record.state = "begun";
        if (shots != m_step.shots)
            record.label = fmt::format("{}, {} shots", m_step.task, shots);
        record.command = typed(m_step.arguments(shots, record.file));
    }

    [[nodiscard]] StepOutcome attempt(const StepRecord& record, int shots, bool sameBefore) const
    {
        const std::filesystem::path output = m_results / record.file;
        std::filesystem::create_directories(output.parent_path());
        StepOutcome outcome = m_step.isBench() ? bench(output) : eval(output, shots, sameBefore);
        if (outcome.status == 0 && !fileExists(output))
            outcome = {static_cast<int>(core::ErrorCode::failure), "it ended well but wrote no results"};
        return outcome;
    }

    [[nodiscard]] StepOutcome eval(const std::filesystem::path& output, int shots, bool sameBefore) const
    {
        // Journals of other settings are of no use; those of the same go on.
        StepCall call{m_step.arguments(shots, output.string())};
        call.arguments.emplace_back(sameBefore ? "--resume" : "--force");
        StepOutcome outcome = m_program(call, m_progress);
        if (outcome.status != kUsage || !sameBefore)
            return outcome;
        // The journal is of another version of kvviz or of another model under the same name.
        call.arguments.back() = "--force";
        return m_program(call, m_progress);
    }

    [[nodiscard]] StepOutcome bench(const std::filesystem::path& output) const
    {
        std::filesystem::path part = output;
        part += ".part";
        const StepOutcome outcome = m_program({m_step.arguments(-1, ""), part}, m_progress);
        if ((outcome.status == 0 || outcome.status == static_cast<int>(core::ErrorCode::partial)) && fileExists(part))
            std::filesystem::rename(part, output);
        return outcome;
    }

    const EvalStep& m_step;
    std::filesystem::path m_results;
    const StepProgram& m_program;
    StepProgress m_progress;
};

bool isDone(const StepRecord* record, const EvalStep& step, const std::filesystem::path& results)
{
    return record != nullptr && record->state == "done" && record->settings == step.settings()
           && fileExists(results / record->file);
}

/// Two files of one model (another quantization) carry one name; then the label tells them apart.
std::map<std::string, std::string> uniqueNames(const std::map<std::string, std::string>& nameOfLabel)
{
    std::map<std::string, std::string> unique;
    for (const auto& [label, name] : nameOfLabel) {
        const auto shared = std::count_if(nameOfLabel.begin(), nameOfLabel.end(),
                                          [&, wanted = name](const auto& other) { return other.second == wanted; });
        unique[label] = shared > 1 || name.empty() ? label : name;
    }
    return unique;
}

void complete(io::EvalRecord& record, const StepRecord& step)
{
    if (record.shots < 0)
        record.shots = step.shots;
    if (step.questions > 0 && record.setting.find("questions=") == std::string::npos)
        record.setting += fmt::format("{}questions={}", record.setting.empty() ? "" : " ", step.questions);
}

} // namespace

void runSteps(const std::vector<EvalStep>& steps, const std::filesystem::path& folder, Manifest& manifest,
              const StepProgram& program, const core::Progress& progress)
{
    const std::filesystem::path results = folder / kResultsFolder;
    double work = 0;
    for (const EvalStep& step : steps)
        work += workOf(step);
    Clock clock(work);
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const EvalStep& step = steps[i];
        progress.throwIfStopped();
        StepRecord& record = recordFor(manifest, step);
        const bool done = isDone(&record, step, results);
        if (!done) {
            const auto show = [&](double share) {
                progress(fmt::format("step {} of {}, {}{}", i + 1, steps.size(), step.label(), clock.text()),
                         std::llround(share * static_cast<double>(step.answers())), step.answers());
            };
            const auto report = [&](double share) {
                clock.report(workOf(step), share);
                show(share);
            };
            show(0);
            const core::Stopwatch watch;
            StepRun(step, results, program, report).run(record, [&] { writeManifest(folder, manifest); });
            record.seconds = watch.seconds();
        }
        writeManifest(folder, manifest);
        clock.finish(workOf(step));
    }
}

std::vector<io::EvalRecord> readResults(const std::filesystem::path& folder, Manifest& manifest)
{
    std::map<std::string, std::string> nameOfLabel;
    std::vector<std::pair<std::string, io::EvalRecord>> found; // with the model's label
    for (StepRecord& step : manifest.steps) {
        if (step.state != "done" || step.isBench())
            continue;
        try {
            for (io::EvalRecord& record : io::readEvalResults(folder / kResultsFolder / step.file, true)) {
                complete(record, step);
                nameOfLabel.emplace(step.modelLabel, record.modelName);
                found.emplace_back(step.modelLabel, std::move(record));
            }
        } catch (const core::Error& error) {
            step.state = "failed";
            step.message = error.what();
        }
    }
    const std::map<std::string, std::string> names = uniqueNames(nameOfLabel);
    std::vector<io::EvalRecord> records;
    for (auto& [label, record] : found) {
        record.modelName = names.at(label);
        records.push_back(std::move(record));
    }
    return records;
}

} // namespace kvviz::study
