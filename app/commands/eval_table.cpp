// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Three forms of evaluation records.
#include "app/commands/eval_table.hpp"

#include "core/text.hpp"
#include "datasets/published_line.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

namespace kvviz::app {
namespace {

std::string specification(const io::EvalRecord& record)
{
    return record.variant.empty() ? record.method : record.method + ":" + record.variant;
}

std::string number(double value, int digits)
{
    if (std::isnan(value))
        return "-";
    const double least = 0.5 * std::pow(10.0, -digits);
    return fmt::format("{:.{}f}", std::abs(value) < least ? 0.0 : value, digits); // no "-0.0"
}

/// "-12 %", with a mark when the paired test says that it is hardly chance.
std::string deltaCell(const io::EvalRecord& record)
{
    if (std::isnan(record.delta))
        return "-";
    const double percent = 100 * record.delta;
    return fmt::format("{:+.0f}{}", std::abs(percent) < 0.5 ? 0.0 : percent, record.pValue < 0.05 ? "*" : " ");
}

std::string budgetHeading(const io::EvalRecord& record)
{
    return record.budgetTokens > 0 ? fmt::format("{} tok", record.budgetTokens) : fmt::format("{:.3g}", record.ratio);
}

/// Records of one task and setting.
struct TaskPart {
    const io::EvalRecord* full = nullptr;
    std::vector<const io::EvalRecord*> others;
};

std::vector<TaskPart> byTask(const std::vector<io::EvalRecord>& records)
{
    std::vector<std::pair<std::string, TaskPart>> parts;
    for (const io::EvalRecord& record : records) {
        const std::string key = record.task + "\n" + record.setting + "\n" + record.modelName;
        auto found = std::find_if(parts.begin(), parts.end(), [&](const auto& part) { return part.first == key; });
        if (found == parts.end())
            found = parts.insert(parts.end(), {key, {}});
        if (record.method == "fullkv")
            found->second.full = &record;
        else
            found->second.others.push_back(&record);
    }
    std::vector<TaskPart> result;
    for (auto& [key, part] : parts)
        result.push_back(std::move(part));
    return result;
}

std::string heading(const TaskPart& part)
{
    const io::EvalRecord& any = part.full ? *part.full : *part.others.front();
    std::string text = fmt::format("{}{}{}, {}, {} prompts of {:.0f} tokens", any.task,
                                   any.setting.empty() ? "" : " (" + any.setting + ")",
                                   any.category.empty() ? "" : ", " + any.category, any.modelName, any.n,
                                   any.promptTokens);
    if (part.full)
        text += fmt::format("; the full cache scores {}", number(part.full->score, 3));
    return text + "\n";
}

/// Budgets across. Methods of a size of their own have it beside their name and one cell.
std::string matrix(const TaskPart& part)
{
    std::vector<std::string> budgets, methods;
    std::map<std::pair<std::string, std::string>, const io::EvalRecord*> cells;
    for (const io::EvalRecord* record : part.others) {
        const bool follows = record->budgetUse == "follows";
        const std::string budget = follows ? budgetHeading(*record) : "own";
        const std::string method =
            follows ? specification(*record) : fmt::format("{} (at {:.2f})", specification(*record), record->ratio);
        if (std::find(budgets.begin(), budgets.end(), budget) == budgets.end())
            budgets.push_back(budget);
        if (std::find(methods.begin(), methods.end(), method) == methods.end())
            methods.push_back(method);
        cells[{method, budget}] = record;
    }
    std::vector<std::string> headings{"method"};
    for (const std::string& budget : budgets)
        headings.push_back(">" + budget);
    TextTable table(headings);
    for (const std::string& method : methods) {
        std::vector<std::string> row{method};
        for (const std::string& budget : budgets) {
            const auto found = cells.find({method, budget});
            row.push_back(found == cells.end() ? "" : deltaCell(*found->second));
        }
        table.add(row);
    }
    return table.text("  ");
}

/// What the paper printed for this ability, method and ratio, in percent; `sources` gathers the models and benchmarks.
std::string publishedCell(const io::EvalRecord& record, std::set<std::string>& sources)
{
    datasets::PublishedWish wish;
    wish.category = record.category;
    wish.method = specification(record);
    wish.model = record.modelName;
    wish.shots = record.shots;
    const auto line = record.budgetTokens > 0 ? std::nullopt : datasets::publishedLine(wish);
    if (!line)
        return "";
    for (const datasets::PublishedPoint& point : line->points)
        if (std::abs(point.ratio - record.ratio) < 1e-6) {
            sources.insert(fmt::format("{} on {}{}", line->model, line->benchmark,
                                       line->setting.empty() ? "" : " (" + line->setting + ")"));
            return number(100 * point.change, 1) + (datasets::isMisprint(point) ? "?" : " ");
        }
    return "";
}

std::string detailed(const TaskPart& part)
{
    TextTable table({"method", ">budget", ">kept", ">size", ">score", ">delta %", ">95 % interval", ">p", ">published",
                     ">gold", ">tokens/s", ">cache", "flags"});
    std::set<std::string> sources;
    std::vector<const io::EvalRecord*> rows = part.others;
    if (part.full)
        rows.insert(rows.begin(), part.full);
    for (const io::EvalRecord* r : rows)
        table.add({specification(*r), budgetHeading(*r), number(r->actualRatio, 2), number(r->sizeRatio, 2),
                   number(r->score, 3), number(100 * r->delta, 1),
                   std::isnan(r->ciLow) ? "-" : fmt::format("{:.1f} .. {:.1f}", 100 * r->ciLow, 100 * r->ciHigh),
                   number(r->pValue, 3), publishedCell(*r, sources), number(r->goldLogprobDelta, 2),
                   number(r->tokensPerSecond, 1), core::humanBytes(r->cacheBytes),
                   fmt::format("{}", fmt::join(r->flags, " "))});
    std::string text = table.text("  ");
    if (!sources.empty())
        text += wrapText(fmt::format("published: change in percent as printed in arXiv 2502.01941v4 for {}; ? likely a "
                                     "misprint. Other models and data than here.", fmt::join(sources, ", ")), 0, 0)
                + "\n";
    return text;
}

/// A number with all its digits; nothing for NaN.
std::string exact(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

std::string quoted(const std::string& text)
{
    std::string result = "\"";
    for (const char c : text)
        result += c == '"' ? std::string("\"\"") : std::string(1, c);
    return result + "\"";
}

} // namespace

std::string evalTables(const std::vector<io::EvalRecord>& records, bool details)
{
    std::string text;
    for (const TaskPart& part : byTask(records))
        text += heading(part) + (details ? detailed(part) : matrix(part)) + "\n";
    if (!details)
        text += wrapText("Change of the score against the full cache in percent; * paired p < 0.05. -v shows "
                         "intervals, gold log-probabilities, speed and memory.",
                         0, 0)
            + "\n";
    return text;
}

std::string evalCsv(const std::vector<io::EvalRecord>& records)
{
    std::string text = "task,category,setting,shots,model,method,variant,budget_use,ratio,budget_tokens,actual_ratio,"
                       "size_ratio,n,score,base_score,delta,ci_low,ci_high,p_value,gold_logprob_delta,prompt_tokens,"
                       "generated_tokens,prefill_seconds,decode_seconds,tokens_per_second,cache_bytes,full_cache_bytes,"
                       "flags\n";
    for (const io::EvalRecord& r : records)
        text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n",
                            quoted(r.task), quoted(r.category), quoted(r.setting), r.shots, quoted(r.modelName),
                            quoted(r.method), quoted(r.variant), r.budgetUse, exact(r.ratio), r.budgetTokens,
                            exact(r.actualRatio), exact(r.sizeRatio), r.n, exact(r.score), exact(r.baseScore),
                            exact(r.delta), exact(r.ciLow), exact(r.ciHigh), exact(r.pValue), exact(r.goldLogprobDelta),
                            exact(r.promptTokens), exact(r.generatedTokens), exact(r.prefillSeconds),
                            exact(r.decodeSeconds), exact(r.tokensPerSecond), r.cacheBytes, r.fullCacheBytes,
                            quoted(fmt::format("{}", fmt::join(r.flags, " "))));
    return text;
}

Json toJson(const io::EvalRecord& r)
{
    return {{"task", r.task}, {"category", r.category}, {"setting", r.setting}, {"shots", r.shots},
            {"model", r.modelName}, {"method", r.method}, {"variant", r.variant},
            {"params", Json::parse(r.params, nullptr, false)}, {"budget_use", r.budgetUse}, {"ratio", r.ratio},
            {"budget_tokens", r.budgetTokens}, {"actual_ratio", r.actualRatio}, {"size_ratio", r.sizeRatio}, {"n", r.n},
            {"score", r.score}, {"base_score", r.baseScore}, {"delta", r.delta}, {"ci_low", r.ciLow},
            {"ci_high", r.ciHigh}, {"p_value", r.pValue}, {"gold_logprob_delta", r.goldLogprobDelta},
            {"prompt_tokens", r.promptTokens}, {"generated_tokens", r.generatedTokens},
            {"prefill_s", r.prefillSeconds}, {"decode_s", r.decodeSeconds}, {"tokens_per_s", r.tokensPerSecond},
            {"cache_bytes", r.cacheBytes}, {"full_cache_bytes", r.fullCacheBytes}, {"flags", r.flags}};
}

} // namespace kvviz::app
