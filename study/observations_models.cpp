// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Observations 1 and 2: what depends on the task, and what on the model.
#include "study/observations.hpp"
#include "study/paper_sets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kvviz::study {
namespace {

/// Changes that differ by less than this are alike: "does not hold" needs a claim that data can support.
constexpr double kAlike = 0.1;
/// Levels near 1 need the outer quantiles of more resamples.
constexpr std::int64_t kPairResamples = 4000;

constexpr const char* kTasksOfObservation1[] = {"WK", "CSR", "AR", "CG", "SA"};

std::vector<const ScoreBlock*> tasksOf(const ModelBlocks& blocks)
{
    std::vector<const ScoreBlock*> tasks;
    for (const char* ability : kTasksOfObservation1)
        if (const ScoreBlock* block = blocks.usual(ability))
            tasks.push_back(block);
    return tasks;
}

/// Cells of two blocks at the low ratios, the same for both.
std::pair<std::vector<CellRef>, std::vector<CellRef>> pairOf(const ScoreBlock& a, const ScoreBlock& b)
{
    auto first = cellsOf(a, kPaperMethods, kLowRatios), second = cellsOf(b, kPaperMethods, kLowRatios);
    keepCommon(first, second);
    return {first, second};
}

/// The first task loses less than the second, at the level that one of `pairs` tests needs.
Finding comparePair(const ScoreBlock& a, const ScoreBlock& b, std::size_t pairs, Resampling options)
{
    options.level = 1 - (1 - options.level) / static_cast<double>(pairs);
    options.resamples = std::max(options.resamples, kPairResamples);
    const auto [first, second] = pairOf(a, b);
    Finding finding = contrast("", first, second, options);
    if (finding.estimate.value < 0) // in the direction that it has
        finding = contrast("", second, first, options);
    return finding;
}

std::string names(const Finding& pair)
{
    return fmt::format("{} loses more than {}", pair.samples.back().name, pair.samples.front().name);
}

/// Any two tasks that differ: the pair is chosen after the fact, so the level is corrected for the number of pairs.
Finding anyDifference(const std::vector<const ScoreBlock*>& tasks, const std::string& left, const Resampling& options)
{
    Finding result = missing("The loss depends on the task: between some two of them the mean change over all methods "
                             "at the lowest ratios differs.", "");
    if (tasks.size() < 2) {
        result.reason = fmt::format("{} {}; two tasks are needed{}{}", tasks.size(),
                                    tasks.size() == 1 ? "task was measured" : "tasks were measured",
                                    left.empty() ? "" : "; ", left);
        return result;
    }
    const std::size_t pairs = tasks.size() * (tasks.size() - 1) / 2;
    // Few prompts can look alike by chance, so they may not say "no" either.
    bool allAlike = std::all_of(tasks.begin(), tasks.end(), [](const ScoreBlock* task) {
        return static_cast<std::int64_t>(task->base.size()) >= kLeastPrompts;
    });
    for (std::size_t i = 0; i < tasks.size(); ++i)
        for (std::size_t j = i + 1; j < tasks.size(); ++j) {
            Finding pair = comparePair(*tasks[i], *tasks[j], pairs, options);
            allAlike = allAlike && pair.estimate.low > -kAlike && pair.estimate.high < kAlike;
            const bool clearer = pair.outcome == result.outcome ? pair.estimate.value > result.estimate.value
                                                                : pair.outcome == Outcome::holds;
            if (clearer || std::isnan(result.estimate.value)) {
                pair.statement = result.statement;
                pair.quantity = fmt::format("largest difference of mean changes of {} pairs, level corrected", pairs);
                result = std::move(pair);
            }
        }
    if (result.outcome == Outcome::holds) {
        result.reason = fmt::format("{} by {}: the interval, corrected for {} pairs, lies above 0", names(result),
                                    estimateText(result.estimate), pairs);
    } else if (allAlike) {
        result.outcome = Outcome::doesNotHold;
        result.reason = fmt::format("all {} pairs differ by less than {:g} %", pairs, 100 * kAlike);
    } else if (!std::isnan(result.estimate.low)) {
        result.outcome = Outcome::undecided;
    }
    if (!left.empty())
        result.reason += "; " + left;
    return result;
}

/// The direction that the paper reports.
Finding arithmeticLosesMore(const ModelBlocks& blocks, const std::vector<double>& ratios, const Resampling& options)
{
    const std::string statement = "Arithmetic loses more than world knowledge and commonsense";
    const ScoreBlock* const arithmetic = blocks.usual("AR");
    std::vector<CellRef> easy, hard;
    if (arithmetic != nullptr)
        hard = cellsOf(*arithmetic, kPaperMethods, ratios);
    for (const char* ability : {"WK", "CSR"})
        if (const ScoreBlock* block = blocks.usual(ability)) {
            std::vector<CellRef> cells = cellsOf(*block, kPaperMethods, ratios);
            keepCommon(cells, hard);
            easy.insert(easy.end(), cells.begin(), cells.end());
        }
    return contrast(fmt::format("{} (mean change over all methods at {}).", statement, ratiosText(hard)), easy, hard,
                    options);
}

std::vector<CellRef> arithmeticCells(const std::vector<ModelBlocks>& models, ModelRole role)
{
    std::vector<CellRef> cells;
    for (const ModelBlocks& blocks : models)
        if (const ScoreBlock* block = blocks.usual("AR"); block != nullptr && modelRole(blocks.model()) == role)
            for (const CellRef& cell : cellsOf(*block, kPaperMethods, kLowRatios))
                cells.push_back(cell);
    return cells;
}

constexpr const char* kReasoningClaim = "On arithmetic, the model trained to reason in steps loses less than the "
                                        "instruction-tuned one";

std::string rolesMissing(bool reasoning, bool instruct)
{
    if (!reasoning && !instruct)
        return "no model's name says that it was trained to reason in steps (R1, Distill, Thinking) or tuned to follow "
               "instructions (Instruct, Chat)";
    return reasoning ? "no model's name says that it was tuned to follow instructions (Instruct, Chat)"
                     : "no model's name says that it was trained to reason in steps (R1, Distill, Thinking)";
}

Finding reasoningLosesLess(const std::vector<ModelBlocks>& models, const Resampling& options)
{
    if (models.size() < 2)
        return missing(fmt::format("{}.", kReasoningClaim),
                       fmt::format("{} was measured; give several with --model, one trained to reason in steps and one "
                                   "tuned to follow instructions",
                                   models.empty() ? "no model" : "one model"));
    std::vector<CellRef> reasoning = arithmeticCells(models, ModelRole::reasoning);
    std::vector<CellRef> instruct = arithmeticCells(models, ModelRole::instruct);
    if (reasoning.empty() || instruct.empty())
        return missing(fmt::format("{}.", kReasoningClaim), rolesMissing(!reasoning.empty(), !instruct.empty()));
    keepCommon(reasoning, instruct);
    return contrast(fmt::format("{} (mean change over all methods at {}).", kReasoningClaim, ratiosText(reasoning)),
                    reasoning, instruct, options);
}

} // namespace

std::vector<Finding> judgeTaskDependence(const ModelBlocks& blocks, const Resampling& options)
{
    std::vector<const ScoreBlock*> tasks = tasksOf(blocks);
    const std::string left = dropWeak(tasks);
    // Where everything is lost at low ratios, only higher ones can tell tasks apart.
    return {anyDifference(tasks, left, options), arithmeticLosesMore(blocks, kLowRatios, options),
            arithmeticLosesMore(blocks, kPaperRatios, options)};
}

std::vector<Finding> judgeModelTypes(const std::vector<ModelBlocks>& models, const Resampling& options)
{
    std::vector<Finding> findings{reasoningLosesLess(models, options)};
    for (std::size_t i = 0; i < models.size(); ++i)
        for (std::size_t j = i + 1; j < models.size(); ++j) {
            const ScoreBlock* const a = models[i].usual("AR");
            const ScoreBlock* const b = models[j].usual("AR");
            if (a == nullptr || b == nullptr || a->task != b->task)
                continue;
            const auto [first, second] = pairOf(*a, *b);
            findings.push_back(contrast(fmt::format("{} loses less than {} on {}.", models[i].model(),
                                                    models[j].model(), a->label()), first, second, options));
        }
    return findings;
}

} // namespace kvviz::study
