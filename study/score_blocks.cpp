// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Grouping and its checks.
#include "study/score_blocks.hpp"

#include "core/statistics.hpp"
#include "datasets/task.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

namespace kvviz::study {
namespace {

using io::EvalRecord;

constexpr double kSameRatio = 1e-6;
constexpr const char* kFullCache = "fullkv";

ScoreBlock& blockOf(std::vector<ScoreBlock>& blocks, const EvalRecord& record)
{
    for (ScoreBlock& block : blocks)
        if (block.model == record.modelName && block.task == record.task && block.setting == record.setting
            && block.shots == record.shots)
            return block;
    ScoreBlock& block = blocks.emplace_back();
    block.model = record.modelName;
    block.task = record.task;
    block.setting = record.setting;
    block.shots = record.shots;
    block.questions = questionsOf(record.setting);
    block.ability = abilityOf(record);
    return block;
}

std::string specification(const EvalRecord& record)
{
    return record.variant.empty() ? record.method : record.method + ":" + record.variant;
}

bool same(const std::vector<double>& a, const std::vector<double>& b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

/// Scores with the full cache that came with the record; the full cache's own record may hold them only once.
const std::vector<double>& baseOf(const EvalRecord& record)
{
    return record.baseScores.empty() && record.method == kFullCache ? record.scores : record.baseScores;
}

/// Scores in the order of the block's prompts, NaN where the record has none; nothing if it has other prompts, or other
/// scores with the full cache.
std::optional<std::vector<double>> alignedScores(const EvalRecord& record, const ScoreBlock& block)
{
    const std::vector<double>& base = baseOf(record);
    if (record.promptIds == block.prompts && same(base, block.base))
        return record.scores;
    std::map<std::string_view, std::size_t> places;
    for (std::size_t i = 0; i < block.prompts.size(); ++i)
        places.emplace(block.prompts[i], i);
    std::vector<double> scores(block.base.size(), io::kNotKnown);
    for (std::size_t i = 0; i < record.scores.size(); ++i) {
        const auto place = i < record.promptIds.size() ? places.find(record.promptIds[i]) : places.end();
        if (place == places.end() || !same({base[i]}, {block.base[place->second]}))
            return std::nullopt;
        scores[place->second] = record.scores[i];
    }
    return scores;
}

/// Why a record cannot join the block; empty if it can.
std::string obstacle(const EvalRecord& record, const ScoreBlock& block)
{
    const std::vector<double>& base = baseOf(record);
    if (record.budgetTokens > 0)
        return "its budget is in tokens";
    if (record.scores.empty() || base.size() != record.scores.size())
        return "it has no scores of single prompts";
    if (!block.base.empty() && !alignedScores(record, block))
        return "its prompts are not those of the other records of this task";
    if (record.method == kFullCache)
        return ""; // every evaluation measures it: a second one on the same prompts says nothing new
    return block.find(specification(record), record.ratio) == nullptr ? "" : "this was measured twice";
}

EvalRecord withoutArrays(EvalRecord record)
{
    record.promptIds.clear();
    record.answers.clear();
    record.keptTokens.clear();
    for (auto* list : {&record.scores, &record.baseScores, &record.goldLogprobDeltas})
        list->clear();
    return record;
}

} // namespace

double ScoreBlock::baseScore() const { return core::mean(base); }

const ScoreCell* ScoreBlock::find(std::string_view method, double ratio) const
{
    for (const ScoreCell& cell : cells)
        if (cell.method == method && std::abs(cell.ratio - ratio) < kSameRatio)
            return &cell;
    return nullptr;
}

std::string ScoreBlock::label() const
{
    std::string text = task;
    if (shots >= 0)
        text += fmt::format(", {} {}", shots, shots == 1 ? "shot" : "shots");
    if (questions > 0)
        text += fmt::format(", {} {}", questions, questions == 1 ? "question" : "questions");
    return text;
}

ScoreBlocks collectBlocks(const std::vector<EvalRecord>& records)
{
    ScoreBlocks result;
    for (const EvalRecord& record : records) {
        ScoreBlock& block = blockOf(result.blocks, record);
        if (const std::string why = obstacle(record, block); !why.empty()) {
            result.faults.push_back(fmt::format("{}: {} at {:g} was left out, because {}", block.label(),
                                                specification(record), record.ratio, why));
            continue;
        }
        if (block.base.empty()) {
            block.prompts = record.promptIds;
            block.base = baseOf(record);
        }
        if (record.method == kFullCache)
            block.full = withoutArrays(record);
        else
            block.cells.push_back({specification(record), record.ratio, *alignedScores(record, block),
                                   withoutArrays(record)});
    }
    std::erase_if(result.blocks, [](const ScoreBlock& block) { return block.base.empty(); });
    return result;
}

std::string abilityOf(const EvalRecord& record)
{
    for (const datasets::TaskInfo& info : datasets::taskList())
        if (info.name == record.task)
            return info.ability;
    for (const datasets::TaskInfo& info : datasets::taskList())
        if (!info.ability.empty() && (info.ability == record.category || info.category == record.category))
            return info.ability;
    return "";
}

std::int64_t questionsOf(std::string_view setting)
{
    constexpr std::string_view kKey = "questions=";
    const std::size_t place = setting.find(kKey);
    std::int64_t number = 0;
    if (place != std::string_view::npos)
        std::from_chars(setting.data() + place + kKey.size(), setting.data() + setting.size(), number);
    return number;
}

} // namespace kvviz::study
