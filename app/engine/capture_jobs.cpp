// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Options to jobs. One rule: what can be refused is refused before the model is loaded.
#include "app/engine/capture_jobs.hpp"

#include "app/console.hpp"
#include "app/engine/prompt_source.hpp"
#include "app/engine/text_file.hpp"
#include "app/task_options.hpp"
#include "core/io/capture_reader.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>

namespace kvviz::app {
namespace {

using core::Error;
using core::ErrorCode;

/// A file's prompt goes by the file's short name, but what is wrong with it is said with the whole one.
capture::PromptSource fromTextFile(const std::filesystem::path& path)
{
    capture::PromptSource source = toSource(datasets::promptFromMarkedText(readTextFile(path), path.string()));
    source.id = path.stem().string();
    return source;
}

capture::PromptSource fromTokenIds(const std::filesystem::path& path)
{
    const std::string text = readTextFile(path);
    const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    capture::PromptSource source;
    source.task = "tokens";
    source.id = path.stem().string();
    if (json.is_discarded() || !json.is_array() || json.empty())
        throw Error(ErrorCode::badInput, fmt::format("{}: expected a JSON list of token ids, such as [1, 42, 7]",
                                                     path.string()));
    for (const nlohmann::json& id : json) {
        if (!id.is_number_integer() || id.get<std::int64_t>() < 0 || id.get<std::int64_t>() > INT32_MAX)
            throw Error(ErrorCode::badInput, // the value itself may be of any size and depth, so only numbers are shown
                        fmt::format("{}: entry {} of the list{} is not a token id; expected a whole number from 0",
                                    path.string(), source.tokenIds.size() + 1,
                                    id.is_number() ? fmt::format(", {},", id.dump()) : ""));
        source.tokenIds.push_back(id.get<std::int32_t>());
    }
    return source;
}

std::vector<capture::PromptSource> collectSources(const CaptureOptions& options)
{
    std::vector<capture::PromptSource> sources;
    if (!options.text.empty())
        sources.push_back(toSource(datasets::promptFromMarkedText(options.text, "text")));
    if (!options.textFile.empty())
        sources.push_back(fromTextFile(options.textFile));
    if (!options.tokenIds.empty())
        sources.push_back(fromTokenIds(options.tokenIds));
    for (const std::string& name : options.tasks) {
        const std::shared_ptr<const datasets::Task> task = datasets::openTask(name, taskOptions(options));
        const std::int64_t limit = options.limit.value_or(1);
        if (options.begin < 0 || options.begin >= task->size() || limit < 1)
            throw Error(ErrorCode::usage, fmt::format("task {} has prompts 0 to {}; --begin {} --limit {} chooses none",
                                                      name, task->size() - 1, options.begin, limit));
        const std::int64_t end = options.begin + std::min(limit, task->size() - options.begin);
        for (std::int64_t i = options.begin; i < end; ++i) {
            const datasets::Prompt prompt = task->prompt(i);
            sources.push_back(toSource(prompt));
            if (task->obstacle().empty())
                sources.back().isCorrect = [task, prompt](const std::string& text) {
                    return task->isCorrect(prompt, text);
                };
        }
    }
    return sources;
}

core::StorageType storageType(const std::string& name, const char* option)
{
    const auto type = core::storageTypeFromName(name);
    if (!type)
        throw Error(ErrorCode::usage, fmt::format("{} {}: expected float16 or float32", option, name));
    return *type;
}

void parseQueries(const std::string& text, capture::CaptureSettings& settings)
{
    if (text.empty())
        return;
    const auto bad = [&] {
        return Error(ErrorCode::usage, fmt::format("--queries '{}': expected last:N or a list such as 0-99,200", text));
    };
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');) {
        const bool last = part.rfind("last:", 0) == 0;
        const char* from = part.data() + (last ? 5 : 0);
        const char* const end = part.data() + part.size();
        std::int64_t begin = 0;
        auto parsed = std::from_chars(from, end, begin);
        std::int64_t finish = begin;
        if (parsed.ec == std::errc() && !last && parsed.ptr != end && *parsed.ptr == '-')
            parsed = std::from_chars(parsed.ptr + 1, end, finish);
        if (parsed.ec != std::errc() || parsed.ptr != end || begin < 0 || finish < begin || finish == INT64_MAX
            || (last && begin == 0))
            throw bad();
        if (last)
            settings.lastQueries = begin;
        else
            settings.queryRanges.push_back({begin, finish + 1});
    }
}

/// Refused as early as possible: the second of two prompts with one name would find the file of the first.
void requireDistinct(const std::vector<capture::PromptSource>& sources)
{
    std::set<std::string_view> ids;
    for (const capture::PromptSource& source : sources)
        if (!ids.insert(source.id).second)
            throw Error(ErrorCode::usage, fmt::format("prompt {} is chosen twice; give each --task once", source.id));
}

} // namespace

bool isBatch(const CaptureOptions& options)
{
    return std::filesystem::path(options.output).extension() != ".kvh5";
}

std::vector<CaptureJob> makeCaptureJobs(const CaptureOptions& options)
{
    const int kinds =
        !options.text.empty() + !options.textFile.empty() + !options.tokenIds.empty() + !options.tasks.empty();
    if (kinds != 1)
        throw Error(ErrorCode::usage,
                    fmt::format("{} of --text, --text-file, --token-ids and --task given; expected exactly one",
                                kinds == 0 ? "none" : "more than one"));
    const std::string ending = std::filesystem::path(options.output).extension();
    if (ending == ".h5" || ending == ".hdf5")
        throw Error(ErrorCode::usage, fmt::format("-o {}: captures end in .kvh5; a folder needs a name without {}",
                                                  options.output, ending));
    const std::vector<capture::PromptSource> sources = collectSources(options);
    const bool batch = isBatch(options);
    if (!batch && sources.size() > 1)
        throw Error(ErrorCode::usage, fmt::format("{} prompts do not fit into one file; give a folder with -o",
                                                  sources.size()));
    requireDistinct(sources);
    std::vector<CaptureJob> jobs;
    for (const capture::PromptSource& source : sources) {
        const std::filesystem::path output(options.output);
        jobs.push_back({source, batch ? output / (source.id + ".kvh5") : output});
    }
    return jobs;
}

std::vector<CaptureJob> jobsOf(const Shard& shard, const std::vector<CaptureJob>& all)
{
    std::vector<CaptureJob> jobs;
    for (std::size_t i = shard.index; i < all.size(); i += shard.count)
        jobs.push_back(all[i]);
    return jobs;
}

capture::CaptureSettings makeCaptureSettings(const CaptureOptions& options, const CommonOptions& common,
                                             const core::ModelInfo& model)
{
    capture::CaptureSettings settings;
    const auto tier = core::tierFromName(options.tier);
    if (!tier)
        throw Error(ErrorCode::usage, fmt::format("--tier {}: expected stats, cache, map or full", options.tier));
    settings.tier = *tier;
    if (!options.layers.empty())
        settings.layers = parseIndexList(options.layers, model.nLayers, "--layers");
    if (!options.heads.empty())
        settings.heads = parseIndexList(options.heads, model.nHeads, "--heads");
    if (!options.queries.empty() && settings.tier != core::Tier::full)
        throw Error(ErrorCode::usage, fmt::format("--queries chooses rows of the full tier; --tier {} has none",
                                                  options.tier));
    parseQueries(options.queries, settings);
    if (options.window < 1 || options.mapCap < 8 || options.generate < 0)
        throw Error(ErrorCode::usage, "--window must be at least 1, --map-cap at least 8, --generate at least 0");
    if (options.topK < 1 || options.topK > model.vocabSize)
        throw Error(ErrorCode::usage, fmt::format("--top-k {}: expected 1 to {}, the vocabulary of {}", options.topK,
                                                  model.vocabSize, model.name));
    if (options.readout < 0 || options.readout >= model.vocabSize)
        throw Error(ErrorCode::usage, fmt::format("--readout {}: expected 0 to {}", options.readout,
                                                  model.vocabSize - 1));
    if (options.readout > 0
        && (settings.tier < core::Tier::cache || !settings.layers.empty() || !settings.heads.empty()
            || options.continuation == "none" || options.generate == 0))
        throw Error(ErrorCode::usage,
                    "--readout needs all layers and heads, --tier cache or higher, and a continuation");
    settings.readout = options.readout;
    settings.window = options.window;
    settings.mapCap = options.mapCap;
    settings.topK = options.topK;
    settings.rowsType = storageType(options.rowsDtype, "--rows-dtype");
    settings.cacheType = storageType(options.cacheDtype, "--cache-dtype");
    settings.mapType = storageType(options.mapDtype, "--map-dtype");
    settings.generate = options.generate;
    if (options.continuation == "greedy")
        settings.continuation = capture::Continuation::greedy;
    else if (options.continuation == "gold")
        settings.continuation = capture::Continuation::gold;
    else if (options.continuation == "none")
        settings.continuation = capture::Continuation::none;
    else
        throw Error(ErrorCode::usage,
                    fmt::format("--continuation {}: expected greedy, gold or none", options.continuation));
    settings.seed = options.seed;
    settings.creator = creatorName();
    settings.commandLine = common.commandLine;
    settings.force = options.force;
    return settings;
}

std::string resumeFault(const CaptureJob& job, const capture::CaptureSettings& settings, const CaptureOptions& options,
                        const core::ModelInfo& model)
{
    try {
        const io::CaptureReader reader(job.output);
        const core::CaptureInfo& info = reader.info();
        const capture::CaptureSelection kept = capture::makeSelection(model, settings.layers, settings.heads);
        const std::vector<std::int32_t>& ids = job.source.tokenIds;
        const bool samePrompt = ids.empty() ? info.prompt.promptText == job.source.text
                                            : std::equal(ids.begin(), ids.end(), info.tokens.ids.begin(),
                                                         info.tokens.ids.begin() + info.nPrompt());
        if (!samePrompt)
            return "it holds another prompt";
        if (info.model.sha256 != model.sha256 || info.dtype != options.dtype)
            return fmt::format("it was made with another model or --dtype ({}, {})", info.model.name, info.dtype);
        if (info.tier != settings.tier || info.prompt.continuation != options.continuation)
            return fmt::format("it was made with --tier {} --continuation {}", core::tierName(info.tier),
                               info.prompt.continuation);
        const auto readout = reader.readoutTokens();
        if (info.nGenerated() > 0 && (readout ? readout->candidates - 1 : 0) != settings.readout)
            return "it was made with another --readout";
        if (info.layers != kept.layers || info.heads != kept.heads
            || info.window != std::min(settings.window, info.nPrompt()))
            return "it was made with other --layers, --heads or --window";
        return {};
    } catch (const Error& error) {
        return fmt::format("it is no whole capture ({})", error.what());
    }
}

} // namespace kvviz::app
