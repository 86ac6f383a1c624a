// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz replay: captures one after the other; results files and tables at the end of each argument.
#include "app/commands.hpp"
#include "app/commands/capture_summary.hpp"
#include "app/commands/decode_depth.hpp"
#include "app/commands/replay_jobs.hpp"
#include "app/commands/replay_table.hpp"
#include "app/console.hpp"
#include "core/error.hpp"
#include "core/io/part_file.hpp"

#include <fmt/format.h>

#include <optional>
#include <set>

namespace kvviz::app {
namespace {

/// Everything the run produced; its records are without arrays.
struct Outcome {
    std::vector<io::ReplayRecord> records;
    std::vector<std::string> captures, files;
    std::set<std::pair<std::string, std::string>> skippedMethods;
    std::vector<std::pair<std::string, std::string>> failedCaptures;
    std::set<std::string> evaluatedOn;
    double maxRowDeviation = 0;
};

/// Gives the memory of the arrays back (assigning {} would keep it).
void dropArrays(io::ReplayRecord& record)
{
    for (auto* bytes : {&record.kept, &record.keptDecode})
        std::vector<std::uint8_t>().swap(*bytes);
    for (auto* numbers : {&record.lostMass, &record.lostNonSink, &record.lostGenerated, &record.outputError,
                          &record.survival, &record.intact, &record.logprobDelta, &record.kl,
                          &record.predictedDelta, &record.predictedKl})
        std::vector<float>().swap(*numbers);
}

/// "[2/8] ..." in front of the phase when there are several captures.
core::Progress numbered(const core::Progress& progress, std::size_t number, std::size_t total)
{
    if (total < 2 || !progress.report)
        return progress;
    return {[report = progress.report, number, total](std::string_view phase, std::int64_t done, std::int64_t all) {
                report(fmt::format("[{}/{}] {}", number, total, phase), done, all);
            },
            progress.stop};
}

/// The records of one capture. With several captures, one that cannot be replayed does not end the run.
std::vector<io::ReplayRecord> replayOne(const io::CaptureRef& ref, const ReplayJob& job,
                                        const compress::ReplayRequest& request, DecodeDepth* decode, bool only,
                                        const core::Progress& progress, Outcome& outcome)
{
    try {
        const io::CaptureReader reader(ref);
        const std::unique_ptr<compress::PlanObserver> observer = decode ? decode->observe(reader) : nullptr;
        compress::ReplayReport report = compress::replay(reader, request, progress, observer.get());
        outcome.skippedMethods.insert(report.skipped.begin(), report.skipped.end());
        outcome.evaluatedOn.insert(report.evaluatedOn);
        outcome.maxRowDeviation = std::max(outcome.maxRowDeviation, report.maxRowDeviation);
        outcome.captures.push_back(refName(ref));
        return makeRecords(std::move(report), reader.info(), ref, job.results, request.depth);
    } catch (const core::Error& error) {
        if (only || error.code() != core::ErrorCode::badInput)
            throw;
        outcome.failedCaptures.emplace_back(refName(ref), error.what());
        return {};
    }
}

Outcome replayAll(const std::vector<ReplayJob>& jobs, const compress::ReplayRequest& request,
                  const ReplayOptions& options, const CommonOptions& common, DecodeDepth* decode)
{
    Outcome outcome;
    std::size_t total = 0, number = 0;
    for (const ReplayJob& job : jobs)
        total += job.captures.size();
    const core::Progress progress = consoleProgress(common);
    for (const ReplayJob& job : jobs) {
        std::optional<io::ResultsWriter> writer;
        if (!job.results.empty())
            writer.emplace(job.results, creatorName(), common.commandLine, options.force);
        const std::size_t before = outcome.records.size();
        for (const io::CaptureRef& ref : job.captures)
            for (io::ReplayRecord& record :
                 replayOne(ref, job, request, decode, total == 1, numbered(progress, ++number, total), outcome)) {
                if (writer)
                    writer->append(record);
                dropArrays(record);
                outcome.records.push_back(std::move(record));
            }
        if (writer && outcome.records.size() > before) {
            writer->finish();
            outcome.files.push_back(job.results.string());
        }
    }
    finishProgress();
    return outcome;
}

void reportNotes(const Outcome& outcome, const CommonOptions& common, const DecodeDepth* decode)
{
    for (const auto& [method, reason] : outcome.skippedMethods)
        note(common, fmt::format("skipped {}: {}", method, reason));
    for (const auto& [capture, reason] : outcome.failedCaptures)
        note(common, fmt::format("skipped capture {}: {}", capture, reason));
    if (common.verbose > 0)
        note(common,
             fmt::format("largest deviation of a stored attention row from 1: {:.2g}", outcome.maxRowDeviation));
    if (decode)
        note(common, fmt::format("over the whole cache the continuation's log-probabilities are within {:.2g} of the "
                                 "captured ones",
                                 decode->largestDeviation()));
    for (const std::string& file : outcome.files)
        note(common, fmt::format("results in {}", file));
}

/// A curve of one model says nothing about another, and nothing of numbers that were not replayed.
std::optional<study::Calibration> matchingCalibration(const ReplayOptions& options, const Outcome& outcome,
                                                      const CommonOptions& common)
{
    if (options.calibration.empty())
        return std::nullopt;
    study::Calibration calibration = study::readCalibration(options.calibration);
    for (const io::ReplayRecord& record : outcome.records)
        if (record.modelName != calibration.model) {
            note(common, fmt::format("no change of score is shown: '{}' was learned from model '{}', and {} is of '{}'",
                                     options.calibration, calibration.model, record.capture, record.modelName));
            return std::nullopt;
        }
    if (!study::isKnown(study::predictorNamed(calibration.predictor), outcome.records)) {
        note(common, fmt::format("no change of score is shown: '{}' needs the {}, which these replays do not hold",
                                 options.calibration, calibration.label));
        return std::nullopt;
    }
    return calibration;
}

std::string calibrationText(const study::Calibration& calibration)
{
    const bool interval = std::isfinite(calibration.curve.residualLow) && std::isfinite(calibration.curve.residualHigh);
    return fmt::format("Expected change of score: learned from the {} and evaluations of {} prompts in {} tasks with "
                       "{}; {}",
                       calibration.label, calibration.prompts, calibration.tasks, calibration.model,
                       interval ? "brackets hold 95 % of the errors that such a curve made on tasks it had not seen."
                                : "without an interval, which needs more tasks.");
}

Json toJson(const Outcome& outcome, const compress::ReplayRequest& request, bool byTokens, const DecodeDepth* decode,
            const std::optional<study::Calibration>& calibration)
{
    Json report = jsonReport("replay");
    report["depth"] = depthName(request.depth);
    report["assumes"] = depthAssumption(request.depth);
    report["evaluated_on"] = outcome.evaluatedOn;
    if (decode)
        report["full_cache_logprob_deviation"] = decode->largestDeviation();
    report["captures"] = outcome.captures;
    report["results_files"] = outcome.files;
    for (const char* name : {"skipped_methods", "failed_captures", "averages", "results"})
        report[name] = Json::array();
    for (const auto& [method, reason] : outcome.skippedMethods)
        report["skipped_methods"].push_back({{"method", method}, {"reason", reason}});
    for (const auto& [capture, reason] : outcome.failedCaptures)
        report["failed_captures"].push_back({{"capture", capture}, {"reason", reason}});
    report["calibration"] = calibration ? Json{{"predictor", calibration->predictor},
                                               {"model", calibration->model},
                                               {"tasks", calibration->tasks},
                                               {"prompts", calibration->prompts}}
                                        : Json(nullptr);
    for (const ReplayAverage& average : averages(outcome.records, byTokens, calibration ? &*calibration : nullptr))
        report["averages"].push_back(app::toJson(average));
    for (const io::ReplayRecord& record : outcome.records)
        report["results"].push_back(app::toJson(record));
    return report;
}

std::string toText(const Outcome& outcome, const compress::ReplayRequest& request, bool byTokens,
                   const std::optional<study::Calibration>& calibration)
{
    std::string where;
    for (const std::string& text : outcome.evaluatedOn)
        where += (where.empty() ? "" : "; ") + text;
    std::string result = replayTable(
        averages(outcome.records, byTokens, calibration ? &*calibration : nullptr), byTokens);
    result += fmt::format("\n{} {}, evaluated on {}. Kept tokens are per layer and KV head.\n", outcome.captures.size(),
                          outcome.captures.size() == 1 ? "capture" : "captures (means)", where);
    const std::string depth = fmt::format("Depth {}: {}", depthName(request.depth), depthAssumption(request.depth));
    result += wrapText(depth, 0, 0) + "\n";
    return calibration ? result + wrapText(calibrationText(*calibration), 0, 0) + "\n" : result;
}

} // namespace

int runReplay(const ReplayOptions& options, const CommonOptions& common, DecodeDepth* decode)
{
    const compress::ReplayRequest request = replayRequest(options, common.threads);
    const std::vector<ReplayJob> jobs = replayJobs(options);
    std::optional<io::PartFile> csv; // refuses a name that cannot be written before the work is done
    if (!options.csv.empty() && options.csv != "-")
        csv.emplace(options.csv, options.force);
    const Outcome outcome = replayAll(jobs, request, options, common, decode);
    reportNotes(outcome, common, decode);
    if (outcome.records.empty())
        throw core::Error(core::ErrorCode::badInput,
                          outcome.skippedMethods.empty() || !outcome.failedCaptures.empty()
                              ? "none of the captures could be replayed with these methods"
                              : fmt::format("none of the methods can be replayed here: {} {}",
                                            outcome.skippedMethods.begin()->first,
                                            outcome.skippedMethods.begin()->second));
    const bool byTokens = !options.budgetTokens.empty();
    const std::optional<study::Calibration> calibration = matchingCalibration(options, outcome, common);
    if (csv) {
        csv->write(replayCsv(outcome.records));
        csv->publish();
    }
    if (options.csv == "-")
        printOut(replayCsv(outcome.records));
    else if (common.json)
        printJson(toJson(outcome, request, byTokens, decode, calibration));
    else
        printOut(toText(outcome, request, byTokens, calibration));
    return outcome.failedCaptures.empty() ? 0 : static_cast<int>(core::ErrorCode::partial);
}

} // namespace kvviz::app
