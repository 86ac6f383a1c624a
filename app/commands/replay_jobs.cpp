// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From options to requests, and from reports to records.
#include "app/commands/replay_jobs.hpp"

#include "app/commands/capture_summary.hpp"
#include "app/commands/method_choice.hpp"
#include "app/console.hpp"
#include "core/error.hpp"
#include "core/input_file.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace kvviz::app {
namespace {

[[noreturn]] void usage(const std::string& message) { throw core::Error(core::ErrorCode::usage, message); }

/// Absolute, without "." and "..", and without a slash at the end: "a" and "./a/" are one place.
std::filesystem::path placeOf(const std::filesystem::path& path)
{
    const std::filesystem::path place = std::filesystem::absolute(path).lexically_normal();
    return place.has_filename() ? place : place.parent_path();
}

/// The first of the items with each key, in order.
template <typename Item, typename Key>
std::vector<Item> distinct(const std::vector<Item>& items, Key key)
{
    std::set<decltype(key(items.front()))> seen;
    std::vector<Item> result;
    for (const Item& item : items)
        if (seen.insert(key(item)).second)
            result.push_back(item);
    return result;
}

/// Throws Error(usage) when two inputs ("a" and "a.kvh5") would write to one file.
void requireDistinctResults(const std::vector<ReplayJob>& jobs)
{
    std::set<std::filesystem::path> seen;
    for (const ReplayJob& job : jobs)
        if (!job.results.empty() && !seen.insert(placeOf(job.results)).second)
            usage(fmt::format("two of the inputs have their results in '{}'; name one file for all with --output",
                              job.results.string()));
}

void copyAggregates(io::ReplayRecord& record, const compress::ReplayResult& result)
{
    record.meanLost = result.meanLost;
    record.p95Lost = result.p95Lost;
    record.maxLost = result.maxLost;
    record.stdLost = result.stdLost;
    record.meanLostNonSink = result.meanLostNonSink;
    record.meanLostGenerated = result.meanLostGenerated;
    record.meanOutputError = result.meanOutputError;
    record.p95OutputError = result.p95OutputError;
    record.meanConcatError = result.meanConcatError;
    record.meanBlockError = result.meanBlockError;
    record.adjacentJaccard = result.adjacentJaccard;
    record.meanRun = result.meanRun;
    record.keyError = result.keyError;
    record.valueError = result.valueError;
    record.keyCosine = result.keyCosine;
    record.valueCosine = result.valueCosine;
    record.meanPredictedDelta = result.meanPredictedDelta;
    record.meanPredictedKl = result.meanPredictedKl;
    record.meanLogprobDelta = result.meanLogprobDelta;
    record.meanKl = result.meanKl;
    record.top1Agreement = result.top1Agreement;
}

std::string captureIdentity(const io::CaptureRef& ref, const std::filesystem::path& results)
{
    if (results.empty())
        return refName(ref);
    const std::filesystem::path folder = std::filesystem::absolute(results).parent_path();
    return refName({std::filesystem::absolute(ref.file).lexically_proximate(folder), ref.group});
}

} // namespace

compress::ReplayRequest replayRequest(const ReplayOptions& options, int threads)
{
    compress::ReplayRequest request;
    request.methods = parseMethods(options.methods);
    for (const std::string& specification : request.methods)
        static_cast<void>(compress::makeMethod(specification)); // throws for unknown names and values
    request.budgets = parseBudgets(options);
    request.depth = compress::depthFromName(options.depth).value();
    request.seed = options.seed;
    request.keepMasks = !options.noOutput && !options.noMasks;
    request.threads = threads;
    request.tables = readTables(options);
    return request;
}

std::filesystem::path resultsPath(const std::filesystem::path& input)
{
    if (core::isFolder(input))
        return input / "replay.kvres.h5";
    std::filesystem::path result = input;
    if (result.extension() == ".kvh5")
        result.replace_extension();
    result += ".kvres.h5";
    return result;
}

std::vector<ReplayJob> replayJobs(const ReplayOptions& options)
{
    std::vector<ReplayJob> jobs;
    if (!options.output.empty()) {
        const auto identity = [](const io::CaptureRef& ref) { return std::pair(placeOf(ref.file), ref.group); };
        jobs.push_back({options.output, distinct(capturesOf(options.captures), identity)});
    } else {
        for (const std::string& input : distinct(options.captures, placeOf)) {
            std::vector<io::CaptureRef> captures = capturesOf({input});
            jobs.push_back({options.noOutput ? std::filesystem::path() : resultsPath(input), std::move(captures)});
        }
    }
    requireDistinctResults(jobs);
    for (const ReplayJob& job : jobs)
        if (!job.results.empty() && !options.force && std::filesystem::exists(job.results))
            throw core::Error(core::ErrorCode::failure,
                              fmt::format("'{}' exists; overwrite it with --force, or choose another with --output",
                                          job.results.string()));
    return jobs;
}

std::vector<io::ReplayRecord> makeRecords(compress::ReplayReport&& report, const core::CaptureInfo& info,
                                          const io::CaptureRef& ref, const std::filesystem::path& results,
                                          compress::Depth depth)
{
    std::vector<io::ReplayRecord> records;
    for (compress::ReplayResult& result : report.results) {
        io::ReplayRecord record;
        record.capture = captureIdentity(ref, results);
        record.task = info.prompt.task;
        record.promptId = info.prompt.id;
        record.modelName = info.model.name;
        record.method = result.method;
        record.variant = result.variant;
        record.params = result.params;
        record.depth = depthName(depth);
        record.assumption = fmt::format("{} Evaluated on {}.", depthAssumption(depth), report.evaluatedOn);
        record.ratio = result.budget.nominalRatio(report.nPrompt);
        record.budgetTokens = result.budgetTokens;
        record.actualRatio = result.actualRatio;
        record.keptTokens = result.keptTokens;
        record.bytes = result.bytes;
        record.sizeRatio = result.sizeRatio;
        record.budgetUse = budgetUseName(result.budgetUse);
        record.draws = result.draws;
        record.facts = nlohmann::json(result.facts).dump();
        record.tiesAtCut = result.tiesAtCut;
        record.deadQueries = result.deadQueries;
        record.flags = std::move(result.flags);
        record.seconds = result.seconds;
        record.layers = std::ssize(info.layers);
        record.heads = std::ssize(info.heads);
        record.kvHeads = info.headMap().kvHeads();
        record.n = report.nPrompt;
        record.t = report.nQueries;
        record.segments = std::ssize(info.segments);
        record.kept = std::move(result.kept);
        record.keptDecode = std::move(result.keptDecode);
        record.lostMass = std::move(result.lostMass);
        record.lostNonSink = std::move(result.lostNonSink);
        record.outputError = std::move(result.outputError);
        record.survival = std::move(result.survival);
        record.intact = std::move(result.intact);
        record.lostGenerated = std::move(result.lostGenerated);
        record.runLengths = std::move(result.runLengths);
        record.logprobDelta = std::move(result.logprobDelta);
        record.kl = std::move(result.kl);
        record.top1 = std::move(result.top1);
        record.predictedDelta = std::move(result.predictedDelta);
        record.predictedKl = std::move(result.predictedKl);
        copyAggregates(record, result);
        records.push_back(std::move(record));
    }
    return records;
}

} // namespace kvviz::app
