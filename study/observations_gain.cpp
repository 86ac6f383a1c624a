// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Observation 5: what examples bring, and what compression takes back.
#include "core/correlation.hpp"
#include "study/observations.hpp"
#include "study/paper_sets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace kvviz::study {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// A task with and without examples.
struct GainTask {
    const ScoreBlock* few = nullptr;
    const ScoreBlock* zero = nullptr;
    std::vector<CellRef> cells; ///< of `few` at the low ratios
    double gain = 0;
};

std::vector<GainTask> gainTasks(const ModelBlocks& blocks, std::string& left)
{
    std::vector<const ScoreBlock*> tasks;
    for (const char* ability : {"WK", "CSR", "AR", "CG", "SA"})
        if (const ScoreBlock* few = blocks.usual(ability); few != nullptr && few->shots > 0)
            tasks.push_back(few);
    left = dropWeak(tasks);
    std::vector<GainTask> result;
    for (const ScoreBlock* few : tasks)
        if (const ScoreBlock* zero = blocks.withShots(*few, 0))
            result.push_back({few, zero, cellsOf(*few, kPaperMethods, kLowRatios),
                              few->baseScore() - zero->baseScore()});
    std::erase_if(result, [](const GainTask& task) { return task.cells.empty(); });
    std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) { return a.gain < b.gain; });
    return result;
}

std::string gainText(const GainTask& task)
{
    return fmt::format("{} ({:+.2f})", task.few->task, task.gain);
}

constexpr const char* kGainClaim = "The task that gains most from examples loses more than the one that gains least";

/// The gains themselves must differ, or "most" and "least" are names without a difference.
Finding gainsDiffer(const GainTask& least, const GainTask& most, const Resampling& options)
{
    Finding finding;
    const Sampler sampler({most.few, most.zero, least.few, least.zero});
    finding.samples = sampler.samples();
    finding.estimate = sampler.estimate([&](const Draws& draws) {
        return sampler.base(*most.few, draws) - sampler.base(*most.zero, draws) - sampler.base(*least.few, draws)
               + sampler.base(*least.zero, draws);
    }, options);
    decide(finding, {most.zero->label(), least.zero->label()});
    return finding;
}

Finding largerGainLosesMore(const std::vector<GainTask>& tasks, const std::string& left, const Resampling& options)
{
    if (tasks.size() < 2)
        return missing(fmt::format("{}.", kGainClaim),
                       fmt::format("two tasks with and without examples are needed{}{}", left.empty() ? "" : "; ",
                                   left));
    const GainTask &least = tasks.front(), &most = tasks.back();
    auto ours = least.cells, theirs = most.cells;
    keepCommon(ours, theirs);
    Finding finding = contrast(fmt::format("{}: {} against {} (mean change over all methods at {}).", kGainClaim,
                                           gainText(most), gainText(least), ratiosText(ours)),
                               ours, theirs, options);
    const Finding differ = gainsDiffer(least, most, options);
    if (differ.outcome != Outcome::holds) {
        finding.outcome = Outcome::undecided;
        finding.reason = fmt::format("the gains of {} and {} are not surely different: {}", gainText(most),
                                     gainText(least), differ.reason);
    }
    if (!left.empty())
        finding.reason += "; " + left;
    return finding;
}

/// Order of tasks by gain against their order by loss.
Finding gainsFollowLosses(const std::vector<GainTask>& tasks, const Resampling& options)
{
    Finding finding = missing(fmt::format("Over {} tasks, the order by gain is the order by loss.", tasks.size()), "");
    finding.quantity = "Spearman's rank correlation, times 100 %; the interval knows the prompts' chance, not the "
                       "choice of tasks";
    std::vector<const ScoreBlock*> blocks;
    std::set<std::string> anyBase;
    for (const GainTask& task : tasks) {
        blocks.insert(blocks.end(), {task.few, task.zero});
        anyBase.insert(task.zero->label());
    }
    const Sampler sampler(blocks);
    finding.samples = sampler.samples();
    std::vector<DrawStatistic> changes;
    for (const GainTask& task : tasks)
        changes.push_back(sampler.meanChange(task.cells));
    finding.estimate = sampler.estimate([&](const Draws& draws) {
        std::vector<double> gains, losses;
        for (std::size_t i = 0; i < tasks.size(); ++i) {
            gains.push_back(sampler.base(*tasks[i].few, draws) - sampler.base(*tasks[i].zero, draws));
            losses.push_back(-changes[i](draws));
        }
        return core::spearman(gains, losses);
    }, options);
    decide(finding, anyBase);
    return finding;
}

/// The part of what examples bring that compression takes back.
Finding eatenGain(const GainTask& task, const Resampling& options)
{
    Finding finding = missing(fmt::format("On {}, compression takes back part of what {} examples bring ({:.2f} "
                                          "instead of {:.2f}; all methods at {}).",
                                          task.few->task, task.few->shots, task.few->baseScore(),
                                          task.zero->baseScore(), ratiosText(task.cells)), "");
    finding.quantity = "part of the gain that is lost";
    const Sampler sampler({task.few, task.zero});
    finding.samples = sampler.samples();
    const auto gain = [&](const Draws& draws) {
        return sampler.base(*task.few, draws) - sampler.base(*task.zero, draws);
    };
    const core::Estimate gained = sampler.estimate(gain, options);
    if (!(gained.low > 0)) {
        finding.reason = fmt::format("the examples do not surely bring anything: {}", estimateText(gained));
        return finding;
    }
    finding.estimate = sampler.estimate([&](const Draws& draws) {
        const double bought = gain(draws);
        double kept = 0;
        for (const CellRef& cell : task.cells)
            kept += sampler.score(cell, draws);
        kept /= static_cast<double>(task.cells.size());
        return bought > 0 ? (sampler.base(*task.few, draws) - kept) / bought : kNone;
    }, options);
    decide(finding, {task.zero->label()});
    return finding;
}

} // namespace

std::vector<Finding> judgePromptGain(const ModelBlocks& blocks, const Resampling& options)
{
    std::string left;
    const std::vector<GainTask> tasks = gainTasks(blocks, left);
    std::vector<Finding> findings{largerGainLosesMore(tasks, left, options)};
    if (tasks.size() >= 4)
        findings.push_back(gainsFollowLosses(tasks, options));
    for (const GainTask& task : tasks)
        findings.push_back(eatenGain(task, options));
    return findings;
}

} // namespace kvviz::study
