// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// JSON of kvviz bench.
#include "study/latencies.hpp"

#include "core/error.hpp"
#include "core/input_file.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>


namespace kvviz::study {
namespace {

using Json = nlohmann::json;

double numberOf(const Json& row, const char* name)
{
    const auto found = row.find(name);
    return found == row.end() || found->is_null() ? io::kNotKnown : found->get<double>();
}

MeasuredLatency readRow(const Json& row, const std::string& model)
{
    MeasuredLatency latency;
    latency.model = model;
    latency.method = row.at("method").get<std::string>();
    if (const std::string variant = row.value("variant", ""); !variant.empty())
        latency.method += ":" + variant;
    latency.ratio = numberOf(row, "ratio");
    latency.inputTokens = row.at("input_tokens").get<std::int64_t>();
    latency.outputTokens = row.at("output_tokens").get<std::int64_t>();
    latency.obstacle = row.value("not_run", "");
    latency.seconds = numberOf(row, "total_s");
    latency.tokensPerSecond = numberOf(row, "tokens_per_s");
    latency.cacheBytes = numberOf(row, "cache_bytes");
    return latency;
}

/// As in the paper's table 5: seconds saved / seconds with the full cache, and how much more tokens a second there are.
void computeGains(std::vector<MeasuredLatency>& rows)
{
    for (MeasuredLatency& row : rows)
        for (const MeasuredLatency& full : rows)
            if (full.method == "fullkv" && full.inputTokens == row.inputTokens
                && full.outputTokens == row.outputTokens) {
                row.latencyGain = (full.seconds - row.seconds) / full.seconds;
                row.throughputGain = row.tokensPerSecond / full.tokensPerSecond - 1;
            }
}

std::vector<MeasuredLatency> readFile(const std::filesystem::path& path)
{
    try {
        const Json report = Json::parse(core::readInputText(path));
        const auto model = report.at("model").get<std::string>();
        std::vector<MeasuredLatency> rows;
        for (const Json& row : report.at("results"))
            rows.push_back(readRow(row, model));
        computeGains(rows);
        return rows;
    } catch (const nlohmann::json::exception& error) {
        throw core::Error(core::ErrorCode::badInput, fmt::format("'{}' is no report of kvviz bench: {}", path.string(),
                                                                 error.what()));
    }
}

} // namespace

std::vector<MeasuredLatency> readLatencies(const std::filesystem::path& folder, Manifest& manifest)
{
    std::vector<MeasuredLatency> result;
    for (StepRecord& step : manifest.steps) {
        if (step.state != "done" || !step.isBench())
            continue;
        try {
            for (MeasuredLatency& row : readFile(folder / kResultsFolder / step.file))
                result.push_back(std::move(row));
        } catch (const core::Error& error) {
            step.state = "failed";
            step.message = error.what();
        }
    }
    return result;
}

} // namespace kvviz::study
