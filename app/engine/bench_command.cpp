// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// `kvviz bench`: latency and throughput of the full cache and of methods, beside the paper's printed ones.
#include "app/commands.hpp"
#include "app/commands/method_choice.hpp"
#include "app/console.hpp"
#include "app/engine/free_memory.hpp"
#include "app/engine/loaded_model.hpp"
#include "app/json_output.hpp"
#include "core/io/part_file.hpp"
#include "core/text.hpp"
#include "datasets/published.hpp"
#include "evaluation/latency.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <sstream>

namespace kvviz::app {
namespace {

using core::Error;
using core::ErrorCode;
using evaluation::Latency;
using evaluation::LatencyCase;

/// "512/128,1024/256"
std::vector<LatencyCase> parseLengths(const std::string& text)
{
    std::vector<LatencyCase> cases;
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');) {
        LatencyCase length;
        const char* const end = part.data() + part.size();
        const auto first = std::from_chars(part.data(), end, length.input);
        const bool slash = first.ec == std::errc() && first.ptr != end && *first.ptr == '/';
        const auto second = slash ? std::from_chars(first.ptr + 1, end, length.output) : first;
        if (!slash || second.ec != std::errc() || second.ptr != end || length.input < 2 || length.output < 2)
            throw Error(ErrorCode::usage, fmt::format("--lengths '{}': expected INPUT/OUTPUT tokens, each at least 2, "
                                                      "such as 512/128,2048/512", text));
        cases.push_back(length);
    }
    if (cases.empty())
        throw Error(ErrorCode::usage, "--lengths names no length; expected for example 512/128");
    return cases;
}

constexpr const char* kExplanation =
    "Gains are against the full cache: seconds saved, and throughput. Prefill includes watching the attention where a "
    "method reads any; the engine then computes all statistics, more than one method needs. The published gains are "
    "those of arXiv 2502.01941, table 5, one A40, where it has the same lengths.";

struct Row {
    LatencyCase length;
    Latency latency;
    double full = 0, fullSpeed = 0;             ///< of the full cache at this length
    std::string name, variant;
    std::optional<double> ratio;                ///< nothing: the full cache, or a size of its own
    const datasets::PublishedLatency* published = nullptr;
};

const datasets::PublishedLatency* findPublished(const std::string& name, const LatencyCase& length)
{
    for (const datasets::PublishedLatency& one : datasets::publishedLatencies())
        if (one.kvvizMethod.substr(0, one.kvvizMethod.find(':')) == name && one.inputTokens == length.input
            && one.outputTokens == length.output)
            return &one;
    return nullptr;
}

std::vector<Row> rowsOf(const std::vector<Latency>& latencies, const compress::LivePlanner& planner,
                        const LatencyCase& length)
{
    std::vector<Row> rows;
    for (const Latency& latency : latencies) {
        Row row{length, latency, latencies.front().total(), latencies.front().tokensPerSecond, "fullkv", "", {}};
        if (latency.pair) {
            const compress::LivePair& pair = planner.pairs()[*latency.pair];
            row.name = pair.method->info().name;
            row.variant = pair.method->params().variant();
            if (pair.method->budgetUse() == compress::BudgetUse::follows)
                row.ratio = pair.budget.nominalRatio(length.input);
        }
        row.published = findPublished(row.name, length);
        rows.push_back(row);
    }
    return rows;
}

/// As the paper's table 5 counts: the part of the full cache's seconds that is saved, and what throughput gains.
double latencyGain(const Row& row) { return 100 * (row.full - row.latency.total()) / row.full; }
double throughputGain(const Row& row) { return 100 * (row.latency.tokensPerSecond / row.fullSpeed - 1); }

std::string toText(const std::vector<Row>& rows)
{
    TextTable table({"method", ">ratio", ">input", ">output", ">prefill s", ">compress s", ">decode s", ">total s",
                     ">gain %", ">tokens/s", ">gain %", ">cache", ">published gains %"});
    for (const Row& row : rows) {
        const std::string name = row.variant.empty() ? row.name : row.name + ":" + row.variant;
        const std::string ratio = row.ratio ? fmt::format("{:.2g}", *row.ratio) : "";
        const Latency& l = row.latency;
        if (!l.obstacle.empty()) {
            table.add({name, ratio, std::to_string(row.length.input), std::to_string(row.length.output),
                       "not run: " + l.obstacle});
            continue;
        }
        const bool full = !l.pair;
        table.add({name, ratio, std::to_string(row.length.input), std::to_string(row.length.output),
                   fmt::format("{:.2f}", l.prefill), fmt::format("{:.2f}", l.compress), fmt::format("{:.2f}", l.decode),
                   fmt::format("{:.2f}", l.total()), full ? "" : fmt::format("{:+.1f}", latencyGain(row)),
                   fmt::format("{:.1f}", l.tokensPerSecond), full ? "" : fmt::format("{:+.1f}", throughputGain(row)),
                   core::humanBytes(l.heldBytes),
                   row.published && !full ? fmt::format("{:+.1f} {:+.1f}", row.published->latencyGainPercent,
                                                        row.published->throughputGainPercent)
                                          : ""});
    }
    return table.text();
}

Json toJson(const Row& row)
{
    const Latency& l = row.latency;
    Json json{{"method", row.name}, {"variant", row.variant},
              {"ratio", row.ratio ? Json(*row.ratio) : Json(nullptr)}, {"input_tokens", row.length.input},
              {"output_tokens", row.length.output}};
    if (!l.obstacle.empty()) {
        json["not_run"] = l.obstacle;
        return json;
    }
    json.update({{"prefill_s", l.prefill}, {"compress_s", l.compress}, {"decode_s", l.decode}, {"total_s", l.total()},
                 {"tokens_per_s", l.tokensPerSecond}, {"latency_gain_percent", latencyGain(row)},
                 {"throughput_gain_percent", throughputGain(row)},
                 {"cache_bytes", l.heldBytes}});
    if (row.published)
        json["published"] = {{"source", "arXiv 2502.01941, table 5, one A40"}, {"seconds", row.published->seconds},
                             {"tokens_per_s", row.published->tokensPerSecond},
                             {"latency_gain_percent", row.published->latencyGainPercent},
                             {"throughput_gain_percent", row.published->throughputGainPercent}};
    return json;
}

} // namespace

int runBench(const BenchOptions& options, const CommonOptions& common)
{
    const std::vector<LatencyCase> lengths = parseLengths(options.lengths);
    compress::LivePlanner planner({.methods = parseLiveMethods(options.methods),
                                   .budgets = parseBudgets(options),
                                   .seed = options.seed,
                                   .threads = common.threads,
                                   .tables = readTables(options)});
    const LoadedModel loaded = loadModelFile(
        options.model, options.dtype == "float32" ? capture::WeightType::float32 : capture::WeightType::bfloat16,
        common);
    const core::Progress progress = consoleProgress(common);
    std::vector<Row> rows;
    std::size_t leftOut = 0;
    for (const LatencyCase& length : lengths) {
        const std::uint64_t needs = evaluation::latencyBytes(loaded.model->info, length, options.batch);
        if (const std::uint64_t free = freeMemory(); free > 0 && needs > free) {
            note(common, fmt::format("{}/{} left out: it needs about {}, and {} are free", length.input, length.output,
                                     core::humanBytes(needs), core::humanBytes(free)));
            ++leftOut;
            continue;
        }
        const std::vector<Latency> latencies = evaluation::measureLatency(
            loaded.model, *loaded.tokenizer, planner, length,
            {.batch = options.batch, .repeats = options.repeat, .window = options.window}, progress);
        for (Row& row : rowsOf(latencies, planner, length))
            rows.push_back(std::move(row));
    }
    finishProgress();
    if (rows.empty())
        throw Error(ErrorCode::failure, "none of the lengths fits into this machine's memory");
    if (common.json) {
        Json report = jsonReport("bench");
        report.update({{"model", loaded.model->info.name}, {"dtype", options.dtype}, {"batch", options.batch},
                       {"repeats", options.repeat}, {"results", Json::array()}});
        for (const Row& row : rows)
            report["results"].push_back(toJson(row));
        printJson(report);
    } else {
        printOut(fmt::format("{}, {} weights, {} stream{}, medians of {} runs\n", loaded.model->info.name,
                             options.dtype, options.batch, options.batch == 1 ? "" : "s", options.repeat)
                 + toText(rows) + "\n" + wrapText(kExplanation, 0, 0) + "\n");
    }
    return leftOut == 0 ? 0 : static_cast<int>(ErrorCode::partial);
}

} // namespace kvviz::app
