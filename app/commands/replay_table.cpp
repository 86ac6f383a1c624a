// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Averages and their three forms.
#include "app/commands/replay_table.hpp"

#include "compress/method.hpp"

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

bool followsBudget(const std::string& budgetUse) { return budgetUse.empty() || budgetUse == "follows"; }

double outputErrorOf(const io::ReplayRecord& record, double value)
{
    return record.depth == "mass" ? kNan : value;
}

double keptPerHead(const io::ReplayRecord& record)
{
    return static_cast<double>(record.keptTokens)
        / static_cast<double>(std::max<std::int64_t>(record.layers * record.kvHeads, 1));
}

ReplayAverage averageOf(const std::vector<const io::ReplayRecord*>& records, const study::Calibration* calibration)
{
    ReplayAverage result;
    result.method = records.front()->method;
    result.variant = records.front()->variant;
    result.captures = std::ssize(records);
    result.budgetUse = records.front()->budgetUse;
    Mean ratio, actual, size, kept, lost, lostNonSink, outputError, logprobDelta, kl, top1, predictedDelta, predictedKl;
    for (const io::ReplayRecord* record : records) {
        ratio.add(record->ratio);
        actual.add(record->actualRatio);
        size.add(record->sizeRatio);
        kept.add(keptPerHead(*record));
        logprobDelta.add(record->meanLogprobDelta);
        kl.add(record->meanKl);
        top1.add(record->top1Agreement);
        predictedDelta.add(record->meanPredictedDelta);
        predictedKl.add(record->meanPredictedKl);
        lost.add(record->meanLost);
        lostNonSink.add(record->meanLostNonSink);
        outputError.add(outputErrorOf(*record, record->meanOutputError));
        result.budgetTokens = std::max(result.budgetTokens, record->budgetTokens);
        for (const std::string& flag : record->flags)
            if (std::find(result.flags.begin(), result.flags.end(), flag) == result.flags.end())
                result.flags.push_back(flag);
    }
    if (calibration != nullptr) {
        Mean predictor;
        for (const io::ReplayRecord* record : records)
            predictor.add(record->*study::predictorNamed(calibration->predictor).value);
        result.expected = calibration->expect(predictor.value());
    }
    result.ratio = ratio.value();
    result.actualRatio = actual.value();
    result.sizeRatio = size.value();
    result.keptTokens = kept.value();
    result.logprobDelta = logprobDelta.value();
    result.kl = kl.value();
    result.top1 = top1.value();
    result.predictedDelta = predictedDelta.value();
    result.predictedKl = predictedKl.value();
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

std::vector<ReplayAverage> averages(const std::vector<io::ReplayRecord>& records, bool byTokens,
                                    const study::Calibration* calibration)
{
    std::map<std::tuple<double, std::string, std::string>, std::vector<const io::ReplayRecord*>> groups;
    for (const io::ReplayRecord& record : records) {
        const double budget = !followsBudget(record.budgetUse) ? 0.0
                              : byTokens                       ? static_cast<double>(record.budgetTokens)
                                                               : record.ratio;
        groups[{-budget, record.method, record.variant}].push_back(&record);
    }
    std::vector<std::pair<double, ReplayAverage>> found;
    for (const auto& [key, members] : groups)
        found.emplace_back(std::get<0>(key), averageOf(members, calibration));
    const auto quality = [](const ReplayAverage& a) {
        const double best = !std::isnan(a.kl) ? a.kl : std::isnan(a.outputError) ? a.lost : a.outputError;
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

namespace {

/// The budget of a row; rows of one budget stand together.
std::string budgetText(const ReplayAverage& row, bool byTokens)
{
    if (!followsBudget(row.budgetUse))
        return row.budgetUse + fmt::format(" {:.3f}", row.ratio);
    return byTokens ? std::to_string(row.budgetTokens) : fmt::format("{:.4g}", row.ratio);
}

/// "-5.2 % [-20.1, +3.4]"
std::string expectedText(const study::Calibration::Expected& expected)
{
    if (std::isnan(expected.value))
        return "-";
    std::string text = fmt::format("{:+.1f} %", 100 * expected.value);
    if (!std::isnan(expected.low) && !std::isnan(expected.high))
        text += fmt::format(" [{:+.1f}, {:+.1f}]", 100 * expected.low, 100 * expected.high);
    return text;
}

struct Column {
    std::string heading;
    double ReplayAverage::*value;
    const char* format;
};

/// Columns that hold anything for these rows.
std::vector<Column> columnsFor(const std::vector<ReplayAverage>& rows)
{
    std::vector<Column> columns{{">actual ratio", &ReplayAverage::actualRatio, "{:.3f}"},
                                {">size", &ReplayAverage::sizeRatio, "{:.3f}"},
                                {">kept tokens", &ReplayAverage::keptTokens, "{:.1f}"},
                                {">lost mass", &ReplayAverage::lost, "{:.4f}"},
                                {">lost w/o sinks", &ReplayAverage::lostNonSink, "{:.4f}"},
                                {">output error", &ReplayAverage::outputError, "{:.4f}"},
                                {">predicted change", &ReplayAverage::predictedDelta, "{:+.4f}"},
                                {">log-prob change", &ReplayAverage::logprobDelta, "{:+.4f}"},
                                {">KL", &ReplayAverage::kl, "{:.4f}"},
                                {">top-1", &ReplayAverage::top1, "{:.3f}"}};
    std::erase_if(columns, [&](const Column& column) {
        return std::all_of(rows.begin(), rows.end(),
                           [&](const ReplayAverage& row) { return std::isnan(row.*column.value); });
    });
    return columns;
}

} // namespace

std::string replayTable(const std::vector<ReplayAverage>& averages, bool byTokens)
{
    const std::vector<Column> columns = columnsFor(averages);
    std::vector<std::string> headings{"method", byTokens ? ">budget" : ">ratio"};
    for (const Column& column : columns)
        headings.push_back(column.heading);
    const bool expects = std::any_of(averages.begin(), averages.end(), [](const ReplayAverage& row) {
        return !std::isnan(row.expected.value);
    });
    if (expects)
        headings.emplace_back(">expected score change");
    headings.emplace_back("flags");
    TextTable table(std::move(headings));
    const ReplayAverage* previous = nullptr;
    for (const ReplayAverage& row : averages) {
        const bool own = !followsBudget(row.budgetUse);
        const auto sameGroup = [&](const ReplayAverage& other) {
            return own || (byTokens ? other.budgetTokens == row.budgetTokens : other.ratio == row.ratio);
        };
        if (previous != nullptr && (own != !followsBudget(previous->budgetUse) || !sameGroup(*previous)))
            table.gap();
        previous = &row;
        std::vector<std::string> cells{compress::specificationOf(row.method, row.variant), budgetText(row, byTokens)};
        for (const Column& column : columns)
            cells.push_back(shown(row.*column.value, column.format));
        if (expects)
            cells.push_back(expectedText(row.expected));
        cells.push_back(fmt::format("{}", fmt::join(row.flags, " ")));
        table.add(std::move(cells));
    }
    return table.text();
}

Json toJson(const io::ReplayRecord& record)
{
    const bool output = record.depth != "mass", decode = record.depth == "decode";
    return {{"capture", record.capture},
            {"task", record.task},
            {"prompt_id", record.promptId},
            {"model", record.modelName},
            {"method", record.method},
            {"variant", record.variant},
            {"params", Json::parse(record.params, nullptr, false)},
            {"ratio", record.ratio},
            {"budget_tokens", record.budgetTokens},
            {"budget_use", record.budgetUse},
            {"actual_ratio", record.actualRatio},
            {"size_ratio", numberOrNull(record.sizeRatio)},
            {"kept_tokens", record.keptTokens},
            {"kept_tokens_per_head", keptPerHead(record)},
            {"n_prompt", record.n},
            {"n_queries", record.t},
            {"bytes", record.bytes},
            {"lost_mass", {{"mean", numberOrNull(record.meanLost)},
                           {"p95", numberOrNull(record.p95Lost)},
                           {"max", numberOrNull(record.maxLost)},
                           {"std_over_draws", numberOrNull(record.stdLost)},
                           {"on_generated_keys", numberOrNull(record.meanLostGenerated)}}},
            {"lost_mass_without_sinks", {{"mean", numberOrNull(record.meanLostNonSink)}}},
            {"output_error", output ? Json{{"mean", numberOrNull(record.meanOutputError)},
                                           {"p95", numberOrNull(record.p95OutputError)},
                                           {"heads_joined", numberOrNull(record.meanConcatError)},
                                           {"layer_frobenius", numberOrNull(record.meanBlockError)}}
                                    : Json(nullptr)},
            {"reconstruction", {{"key_error", numberOrNull(record.keyError)},
                                {"value_error", numberOrNull(record.valueError)},
                                {"key_cosine", numberOrNull(record.keyCosine)},
                                {"value_cosine", numberOrNull(record.valueCosine)}}},
            {"predicted", {{"logprob_change", numberOrNull(record.meanPredictedDelta)},
                           {"kl", numberOrNull(record.meanPredictedKl)}}},
            {"decode", decode ? Json{{"logprob_change", numberOrNull(record.meanLogprobDelta)},
                                     {"kl", numberOrNull(record.meanKl)},
                                     {"top1_agreement", numberOrNull(record.top1Agreement)}}
                              : Json(nullptr)},
            {"adjacent_jaccard", numberOrNull(record.adjacentJaccard)},
            {"mean_run", numberOrNull(record.meanRun)},
            {"draws", record.draws},
            {"facts", Json::parse(record.facts.empty() ? "{}" : record.facts, nullptr, false)},
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
            {"budget_use", average.budgetUse},
            {"captures", average.captures},
            {"actual_ratio", numberOrNull(average.actualRatio)},
            {"size_ratio", numberOrNull(average.sizeRatio)},
            {"kept_tokens_per_head", numberOrNull(average.keptTokens)},
            {"lost_mass", numberOrNull(average.lost)},
            {"lost_mass_without_sinks", numberOrNull(average.lostNonSink)},
            {"output_error", numberOrNull(average.outputError)},
            {"predicted_logprob_change", numberOrNull(average.predictedDelta)},
            {"predicted_kl", numberOrNull(average.predictedKl)},
            {"logprob_change", numberOrNull(average.logprobDelta)},
            {"kl", numberOrNull(average.kl)},
            {"top1_agreement", numberOrNull(average.top1)},
            {"expected_score_change", {{"value", numberOrNull(average.expected.value)},
                                       {"low", numberOrNull(average.expected.low)},
                                       {"high", numberOrNull(average.expected.high)}}},
            {"flags", average.flags}};
}

std::string replayCsv(const std::vector<io::ReplayRecord>& records)
{
    std::string result =
        "capture,task,prompt_id,model,method,variant,params,depth,ratio,budget_tokens,budget_use,actual_ratio,size_ratio,"
        "kept_tokens,bytes,lost_mass,lost_mass_p95,lost_mass_max,lost_mass_std_over_draws,lost_mass_on_generated,"
        "lost_mass_without_sinks,output_error,output_error_p95,output_error_heads_joined,output_error_layer_frobenius,"
        "key_error,value_error,key_cosine,value_cosine,logprob_change,kl,top1_agreement,adjacent_jaccard,mean_run,draws,"
        "ties_at_cut,dead_queries,flags,facts,seconds,predicted_logprob_change,predicted_kl\r\n";
    for (const io::ReplayRecord& r : records) {
        std::vector<std::string> cells;
        for (const std::string* text : {&r.capture, &r.task, &r.promptId, &r.modelName, &r.method, &r.variant,
                                        &r.params, &r.depth})
            cells.push_back(csvText(*text));
        cells.push_back(csvNumber(r.ratio));
        cells.push_back(std::to_string(r.budgetTokens));
        cells.push_back(r.budgetUse);
        cells.push_back(csvNumber(r.actualRatio));
        cells.push_back(csvNumber(r.sizeRatio));
        cells.push_back(std::to_string(r.keptTokens));
        cells.push_back(std::to_string(r.bytes));
        for (const double value :
             {r.meanLost, r.p95Lost, r.maxLost, r.stdLost, r.meanLostGenerated, r.meanLostNonSink,
              outputErrorOf(r, r.meanOutputError), outputErrorOf(r, r.p95OutputError), r.meanConcatError,
              r.meanBlockError, r.keyError, r.valueError, r.keyCosine, r.valueCosine, r.meanLogprobDelta, r.meanKl,
              r.top1Agreement, r.adjacentJaccard, r.meanRun})
            cells.push_back(csvNumber(value));
        cells.push_back(std::to_string(r.draws));
        cells.push_back(std::to_string(r.tiesAtCut));
        cells.push_back(std::to_string(r.deadQueries));
        cells.push_back(csvText(fmt::format("{}", fmt::join(r.flags, " "))));
        cells.push_back(csvText(r.facts));
        cells.push_back(csvNumber(r.seconds));
        cells.push_back(csvNumber(r.meanPredictedDelta));
        cells.push_back(csvNumber(r.meanPredictedKl));
        result += fmt::format("{}\r\n", fmt::join(cells, ","));
    }
    return result;
}

} // namespace kvviz::app
