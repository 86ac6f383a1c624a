// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Observations 3 and 4: few examples, many examples.
#include "core/statistics.hpp"
#include "study/observations.hpp"
#include "study/paper_sets.hpp"

#include <fmt/format.h>

#include <cmath>

namespace kvviz::study {
namespace {

/// Slope of the least-squares line; NaN if a value is.
double slope(const std::vector<double>& x, const std::vector<double>& y)
{
    const double meanX = core::mean(x);
    double up = 0, down = 0, total = 0;
    for (const double value : y)
        total += value;
    const double meanY = total / static_cast<double>(y.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
        up += (x[i] - meanX) * (y[i] - meanY);
        down += (x[i] - meanX) * (x[i] - meanX);
    }
    return up / down;
}

/// Cells of each block, the same methods and ratios in all.
std::vector<std::vector<CellRef>> commonCells(const std::vector<const ScoreBlock*>& blocks,
                                              const std::vector<double>& ratios)
{
    std::vector<std::vector<CellRef>> cells;
    for (const ScoreBlock* block : blocks)
        cells.push_back(cellsOf(*block, kPaperMethods, ratios));
    for (std::size_t pass = 0; pass < 2; ++pass) // what a later block lacks must leave the first ones too
        for (std::size_t i = 1; i < cells.size(); ++i)
            keepCommon(cells[0], cells[i]);
    return cells;
}

Finding shotTrend(std::vector<const ScoreBlock*> blocks, const std::vector<double>& ratios, const Resampling& options)
{
    Finding finding = missing("The more examples, the smaller the loss at the same ratio.", "");
    finding.quantity = "rise of the mean change for each doubling of the examples";
    const std::string left = dropWeak(blocks);
    const auto cells = commonCells(blocks, ratios);
    if (blocks.size() < 2 || cells.front().empty()) {
        finding.reason = fmt::format("two numbers of examples are needed{}{}", left.empty() ? "" : "; ", left);
        return finding;
    }
    finding.statement = fmt::format("The more examples, the smaller the loss at the same ratio (mean change over all "
                                    "methods at {}, {} to {} examples).",
                                    ratiosText(cells.front()), blocks.front()->shots, blocks.back()->shots);
    std::vector<double> doublings;
    for (const ScoreBlock* block : blocks)
        doublings.push_back(std::log2(static_cast<double>(block->shots)));
    const Sampler sampler(blocks);
    finding.samples = sampler.samples();
    std::vector<DrawStatistic> means;
    for (const auto& list : cells)
        means.push_back(sampler.meanChange(list));
    finding.estimate = sampler.estimate([&](const Draws& draws) {
        std::vector<double> changes;
        for (const DrawStatistic& mean : means)
            changes.push_back(mean(draws));
        return slope(doublings, changes);
    }, options);
    decide(finding);
    if (!left.empty())
        finding.reason += "; " + left;
    return finding;
}

Finding mostAgainstFewest(const std::vector<const ScoreBlock*>& blocks, const Resampling& options)
{
    auto most = cellsOf(*blocks.back(), kPaperMethods, kLowRatios);
    auto fewest = cellsOf(*blocks.front(), kPaperMethods, kLowRatios);
    keepCommon(most, fewest);
    return contrast(fmt::format("{} examples lose less than {} (mean change over all methods at {}).",
                                blocks.back()->shots, blocks.front()->shots, ratiosText(most)),
                    most, fewest, options);
}

/// One method against others on one block; with every ratio that both have.
Finding against(const ScoreBlock& block, const std::string& method, const std::vector<std::string>& others,
                const std::string& words, const Resampling& options)
{
    std::vector<CellRef> ours, theirs;
    for (const std::string& other : others)
        for (const double ratio : kManyShotRatios)
            if (block.find(method, ratio) != nullptr && block.find(other, ratio) != nullptr) {
                ours.push_back({&block, method, ratio});
                theirs.push_back({&block, other, ratio});
            }
    return contrast(fmt::format("{} (mean change on {} at {}).", words, block.label(), ratiosText(ours)), ours, theirs,
                    options);
}

/// Does a chunk-level method gain more on many-shot prompts than on usual ones?
Finding gainsWithShots(const ScoreBlock& many, const ScoreBlock& few, const Resampling& options)
{
    Finding finding = missing("The advantage of ChunkKV over token-level methods is larger with many examples than "
                              "with the usual number.", "");
    finding.quantity = "difference of the two advantages";
    std::vector<double> ratios;
    for (const double ratio : kManyShotRatios)
        if (many.find(kChunkLevel, ratio) != nullptr && few.find(kChunkLevel, ratio) != nullptr)
            ratios.push_back(ratio);
    auto manyTokens = cellsOf(many, kTokenLevel, ratios), fewTokens = cellsOf(few, kTokenLevel, ratios);
    keepCommon(manyTokens, fewTokens);
    if (manyTokens.empty()) {
        finding.reason = "the runs it needs are not there";
        return finding;
    }
    const auto manyChunks = cellsOf(many, {kChunkLevel}, ratios), fewChunks = cellsOf(few, {kChunkLevel}, ratios);
    const Sampler sampler({&many, &few});
    finding.samples = sampler.samples();
    const auto advantage = [&](const std::vector<CellRef>& chunks, const std::vector<CellRef>& tokens) {
        return [chunk = sampler.meanChange(chunks), token = sampler.meanChange(tokens)](const Draws& draws) {
            return chunk(draws) - token(draws);
        };
    };
    const auto withMany = advantage(manyChunks, manyTokens), withFew = advantage(fewChunks, fewTokens);
    finding.estimate = sampler.estimate([&](const Draws& draws) { return withMany(draws) - withFew(draws); }, options);
    decide(finding);
    return finding;
}

} // namespace

std::vector<Finding> judgeShotNumbers(const ModelBlocks& blocks, const Resampling& options)
{
    std::vector<const ScoreBlock*> forms = blocks.shotNumbers();
    std::vector<Finding> findings{shotTrend(forms, kLowRatios, options)};
    if (forms.size() >= 2) {
        findings.push_back(mostAgainstFewest(forms, options));
        // Where everything is lost at low ratios, only higher ones can tell shot numbers apart.
        findings.push_back(shotTrend(forms, kPaperRatios, options));
    }
    return findings;
}

std::vector<Finding> judgeChunkLevel(const ModelBlocks& blocks, const Resampling& options)
{
    const std::string claim = "ChunkKV loses less than methods that choose single tokens";
    const ScoreBlock* const many = blocks.manyShot();
    if (many == nullptr)
        return {missing(fmt::format("{} on many-shot prompts.", claim), "no many-shot prompt was run")};
    std::vector<Finding> findings{against(*many, kChunkLevel, kTokenLevel, claim, options)};
    if (const ScoreBlock* few = blocks.usual("AR"); few != nullptr && few->task == many->task)
        findings.push_back(gainsWithShots(*many, *few, options));
    findings.push_back(against(*many, kShotLevel, kTokenLevel,
                               "ShotKV loses less than methods that choose single tokens", options));
    findings.push_back(against(*many, kShotLevel, {kChunkLevel}, "ShotKV loses less than ChunkKV", options));
    findings.push_back(against(*many, kShotLevel, {"random_shot"}, "ShotKV loses less than random shots", options));
    return findings;
}

} // namespace kvviz::study
