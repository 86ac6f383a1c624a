// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Averages and their three forms.
#include "app/commands/replay_table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

namespace kvviz::app {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class Mean {
public:
    void add(double value)
    {
        if (std::isnan(value))
            return;
        m_sum += value;
        ++m_count;
    }
    [[nodiscard]] double value() const { return m_count == 0 ? kNan : m_sum / static_cast<double>(m_count); }

private:
    double m_sum = 0;
    std::int64_t m_count = 0;
};

std::string label(const std::string& method, const std::string& variant)
{
    return variant.empty() ? method : method + ":" + variant;
}

double outputErrorOf(const io::ReplayRecord& record, double value)
{
    return record.depth == "output" ? value : kNan;
}

double keptPerHead(const io::ReplayRecord& record)
{
    return static_cast<double>(record.keptTokens)
        / static_cast<double>(std::max<std::int64_t>(record.layers * record.kvHeads, 1));
}

ReplayAverage averageOf(const std::vector<const io::ReplayRecord*>& records)
{
    ReplayAverage result;
    result.method = records.front()->method;
    result.variant = records.front()->variant;
    result.captures = std::ssize(records);
    Mean ratio, actual, kept, lost, lostNonSink, outputError;
    for (const io::ReplayRecord* record : records) {
        ratio.add(record->ratio);
        actual.add(record->actualRatio);
        kept.add(keptPerHead(*record));
        lost.add(record->meanLost);
        lostNonSink.add(record->meanLostNonSink);
        outputError.add(outputErrorOf(*record, record->meanOutputError));
        result.budgetTokens = std::max(result.budgetTokens, record->budgetTokens);
        for (const std::string& flag : record->flags)
            if (std::find(result.flags.begin(), result.flags.end(), flag) == result.flags.end())
                result.flags.push_back(flag);
    }
    result.ratio = ratio.value();
    result.actualRatio = actual.value();
    result.keptTokens = kept.value();
    result.lost = lost.value();
    result.lostNonSink = lostNonSink.value();
    result.outputError = outputError.value();
    return result;
}

std::string shown(double value, const char* format)
{
    return std::isnan(value) ? "-" : fmt::format(fmt::runtime(format), value);
}

Json numberOrNull(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

std::string csvText(const std::string& text)
{
    if (text.find_first_of(",\"\r\n") == std::string::npos)
        return text;
    std::string result = "\"";
    for (const char c : text)
        result += c == '"' ? std::string("\"\"") : std::string(1, c);
    return result + "\"";
}

std::string csvNumber(double value) { return std::isfinite(value) ? fmt::format("{:.9g}", value) : ""; }

} // namespace

std::vector<ReplayAverage> averages(const std::vector<io::ReplayRecord>& records, bool byTokens)
{
    std::map<std::tuple<double, std::string, std::string>, std::vector<const io::ReplayRecord*>> groups;
    for (const io::ReplayRecord& record : records) {
        const double budget = byTokens ? static_cast<double>(record.budgetTokens) : record.ratio;
        groups[{-budget, record.method, record.variant}].push_back(&record);
    }
    std::vector<std::pair<double, ReplayAverage>> found;
    for (const auto& [key, members] : groups)
        found.emplace_back(std::get<0>(key), averageOf(members));
    const auto quality = [](const ReplayAverage& a) {
        const double best = std::isnan(a.outputError) ? a.lost : a.outputError;
        return std::isnan(best) ? std::numeric_limits<double>::infinity() : best;
    };
    std::stable_sort(found.begin(), found.end(), [&](const auto& a, const auto& b) {
        return a.first != b.first ? a.first < b.first : quality(a.second) < quality(b.second);
    });
    std::vector<ReplayAverage> result;
    for (auto& [budget, average] : found)
        result.push_back(std::move(average));
    return result;
}

std::string replayTable(const std::vector<ReplayAverage>& averages, bool byTokens)
{
    const bool withOutput = std::any_of(averages.begin(), averages.end(),
                                        [](const ReplayAverage& a) { return !std::isnan(a.outputError); });
    std::vector<std::string> headings{"method",     byTokens ? ">budget" : ">ratio", ">actual ratio", ">kept tokens",
                                      ">lost mass", ">lost w/o sinks"};
    if (withOutput)
        headings.emplace_back(">output error");
    headings.emplace_back("flags");
    TextTable table(std::move(headings));
    const ReplayAverage* previous = nullptr;
    for (const ReplayAverage& row : averages) {
        const auto sameBudget = [&](const ReplayAverage& other) {
            return byTokens ? other.budgetTokens == row.budgetTokens : other.ratio == row.ratio;
        };
        if (previous != nullptr && !sameBudget(*previous))
            table.gap();
        previous = &row;
        std::vector<std::string> cells{label(row.method, row.variant),
                                       byTokens ? std::to_string(row.budgetTokens) : fmt::format("{:.4g}", row.ratio),
                                       shown(row.actualRatio, "{:.3f}"),
                                       shown(row.keptTokens, "{:.1f}"),
                                       shown(row.lost, "{:.4f}"),
                                       shown(row.lostNonSink, "{:.4f}")};
        if (withOutput)
            cells.push_back(shown(row.outputError, "{:.4f}"));
        cells.push_back(fmt::format("{}", fmt::join(row.flags, " ")));
        table.add(std::move(cells));
    }
    return table.text();
}

Json toJson(const io::ReplayRecord& record)
{
    const bool output = record.depth == "output";
    return {{"capture", record.capture},
            {"task", record.task},
            {"prompt_id", record.promptId},
            {"model", record.modelName},
            {"method", record.method},
            {"variant", record.variant},
            {"params", Json::parse(record.params, nullptr, false)},
            {"ratio", record.ratio},
            {"budget_tokens", record.budgetTokens},
            {"actual_ratio", record.actualRatio},
            {"kept_tokens", record.keptTokens},
            {"kept_tokens_per_head", keptPerHead(record)},
            {"n_prompt", record.n},
            {"n_queries", record.t},
            {"bytes", record.bytes},
            {"lost_mass", {{"mean", numberOrNull(record.meanLost)},
                           {"p95", numberOrNull(record.p95Lost)},
                           {"max", numberOrNull(record.maxLost)}}},
            {"lost_mass_without_sinks", {{"mean", numberOrNull(record.meanLostNonSink)}}},
            {"output_error", output ? Json{{"mean", numberOrNull(record.meanOutputError)},
                                           {"p95", numberOrNull(record.p95OutputError)}}
                                    : Json(nullptr)},
            {"ties_at_cut", record.tiesAtCut},
            {"dead_queries", record.deadQueries},
            {"flags", record.flags},
            {"seconds", record.seconds}};
}

Json toJson(const ReplayAverage& average)
{
    return {{"method", average.method},
            {"variant", average.variant},
            {"ratio", average.ratio},
            {"budget_tokens", average.budgetTokens},
            {"captures", average.captures},
            {"actual_ratio", numberOrNull(average.actualRatio)},
            {"kept_tokens_per_head", numberOrNull(average.keptTokens)},
            {"lost_mass", numberOrNull(average.lost)},
            {"lost_mass_without_sinks", numberOrNull(average.lostNonSink)},
            {"output_error", numberOrNull(average.outputError)},
            {"flags", average.flags}};
}

std::string replayCsv(const std::vector<io::ReplayRecord>& records)
{
    std::string result = "capture,task,prompt_id,model,method,variant,params,depth,ratio,budget_tokens,actual_ratio,"
                         "kept_tokens,bytes,lost_mass,lost_mass_p95,lost_mass_max,lost_mass_without_sinks,output_error,"
                         "output_error_p95,ties_at_cut,dead_queries,flags,seconds\r\n";
    for (const io::ReplayRecord& r : records) {
        const std::vector<std::string> cells{
            csvText(r.capture), csvText(r.task), csvText(r.promptId), csvText(r.modelName), csvText(r.method),
            csvText(r.variant), csvText(r.params), r.depth, csvNumber(r.ratio), std::to_string(r.budgetTokens),
            csvNumber(r.actualRatio), std::to_string(r.keptTokens), std::to_string(r.bytes), csvNumber(r.meanLost),
            csvNumber(r.p95Lost), csvNumber(r.maxLost), csvNumber(r.meanLostNonSink),
            csvNumber(outputErrorOf(r, r.meanOutputError)), csvNumber(outputErrorOf(r, r.p95OutputError)),
            std::to_string(r.tiesAtCut), std::to_string(r.deadQueries),
            csvText(fmt::format("{}", fmt::join(r.flags, " "))), csvNumber(r.seconds)};
        result += fmt::format("{}\r\n", fmt::join(cells, ","));
    }
    return result;
}

} // namespace kvviz::app
