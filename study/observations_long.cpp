// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Observation 6: long answers.
#include "study/observations.hpp"
#include "study/paper_sets.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::study {
namespace {

/// The fall at ratio 0.3 that the paper reports for long generation.
constexpr double kPublishedFall = 0.2, kPublishedRatio = 0.3;

constexpr const char* kClaim = "Long generation loses more than short answers";

std::vector<std::string> evictionMethods()
{
    std::vector<std::string> methods = kTokenLevel;
    methods.push_back(kChunkLevel);
    return methods;
}

/// `what` loses more on the long task than on the other one; methods without ShotKV, which the paper made for it.
Finding losesMore(const ScoreBlock& longTask, const ScoreBlock& other, const std::string& claim,
                  const Resampling& options)
{
    auto longCells = cellsOf(longTask, evictionMethods(), kLongRatios);
    auto otherCells = cellsOf(other, evictionMethods(), kLongRatios);
    keepCommon(longCells, otherCells);
    return contrast(fmt::format("{}: {} against {} (mean change over all methods but ShotKV at {}).", claim,
                                longTask.label(), other.label(), ratiosText(longCells)),
                    otherCells, longCells, options);
}

/// More than a fifth is lost at ratio 0.3.
Finding fallsFar(const ScoreBlock& block, const Resampling& options)
{
    Finding finding = missing(fmt::format("At ratio {:g}, {} loses more than {:g} % (mean change over all methods but "
                                          "ShotKV).", kPublishedRatio, block.label(), 100 * kPublishedFall), "");
    finding.quantity = fmt::format("loss beyond {:g} %", 100 * kPublishedFall);
    const std::vector<CellRef> cells = cellsOf(block, evictionMethods(), {kPublishedRatio});
    if (cells.empty()) {
        finding.reason = "the runs it needs are not there";
        return finding;
    }
    const Sampler sampler({&block});
    finding.samples = sampler.samples();
    const DrawStatistic change = sampler.meanChange(cells);
    finding.estimate = sampler.estimate([&](const Draws& draws) { return -change(draws) - kPublishedFall; }, options);
    decide(finding);
    return finding;
}

/// Tables 2: ShotKV against each of the others.
Finding shotsAgainst(const ScoreBlock& block, const std::vector<std::string>& others, const std::string& words,
                     const Resampling& options)
{
    std::vector<CellRef> ours, theirs;
    for (const std::string& other : others)
        for (const double ratio : kLongRatios)
            if (block.find(kShotLevel, ratio) != nullptr && block.find(other, ratio) != nullptr) {
                ours.push_back({&block, kShotLevel, ratio});
                theirs.push_back({&block, other, ratio});
            }
    return contrast(fmt::format("{} (mean change on {} at {}).", words, block.label(), ratiosText(ours)), ours, theirs,
                    options);
}

} // namespace

std::vector<Finding> judgeLongGeneration(const ModelBlocks& blocks, const Resampling& options)
{
    std::vector<const ScoreBlock*> tasks = blocks.longGeneration();
    if (tasks.empty())
        return {missing(fmt::format("{}.", kClaim), "no long generation was run")};
    const ScoreBlock* const most = tasks.front();
    const std::string left = dropWeak(tasks);
    const ScoreBlock* const task = tasks.empty() ? most : tasks.front(); // a weak one says so itself
    const ScoreBlock* const arithmetic = blocks.usual("AR");
    std::vector<Finding> findings;
    findings.push_back(arithmetic == nullptr
                           ? missing(fmt::format("{}.", kClaim), "no arithmetic with short answers was run")
                           : losesMore(*task, *arithmetic, kClaim, options));
    if (!left.empty() && !tasks.empty())
        findings.front().reason += "; " + left;
    if (const ScoreBlock* needle = blocks.usual("LCR"))
        findings.push_back(losesMore(*task, *needle, "Long generation loses more than retrieval from a long prompt",
                                     options));
    if (tasks.size() > 1)
        findings.push_back(losesMore(*tasks.front(), *tasks.back(), "More questions at once lose more than few",
                                     options));
    findings.push_back(fallsFar(*task, options));
    findings.push_back(shotsAgainst(*task, {"streaming_noshift", "h2o", "pyramidinfer"},
                                    "ShotKV loses less than StreamingLLM, H2O and PyramidInfer", options));
    findings.push_back(shotsAgainst(*task, {"snapkv", "pyramidkv", kChunkLevel},
                                    "ShotKV loses less than SnapKV, PyramidKV and ChunkKV", options));
    return findings;
}

} // namespace kvviz::study
