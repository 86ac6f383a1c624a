// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Statistics of findings and how they are decided.
#include "study/finding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvviz::study {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kMinus = "\xe2\x88\x92"; // a real minus sign: a hyphen breaks lines and is too short

bool sameCell(const CellRef& a, const CellRef& b)
{
    return a.method == b.method && std::abs(a.ratio - b.ratio) < 1e-6;
}

bool contains(const std::vector<CellRef>& cells, const CellRef& wanted)
{
    return std::any_of(cells.begin(), cells.end(), [&](const CellRef& cell) { return sameCell(cell, wanted); });
}

std::string signedNumber(double value)
{
    const std::string digits = fmt::format("{:.1f}", std::abs(value));
    return (value < 0 && digits != "0.0" ? kMinus : "") + digits;
}

/// What stands in the way of an answer, whatever the number; empty if nothing does.
std::string obstacle(const Finding& finding, const std::set<std::string>& anyBase)
{
    if (std::isnan(finding.estimate.value))
        return finding.reason.empty() ? "the runs gave no number for it" : finding.reason;
    for (const Sample& sample : finding.samples) {
        if (sample.prompts < kLeastPrompts)
            return fmt::format("only {} {} of {}; at least {} are needed", sample.prompts,
                               sample.prompts == 1 ? "prompt" : "prompts", sample.name, kLeastPrompts);
        if (!(sample.base >= kLeastBase) && !anyBase.contains(sample.name))
            return fmt::format("with the full cache {} scores only {:.2f}; below {:.1f} there is too little to lose",
                               sample.name, sample.base, kLeastBase);
    }
    if (std::isnan(finding.estimate.low) || std::isnan(finding.estimate.high))
        return "too many resamples have no score with the full cache, so there is no interval";
    return "";
}

/// Cells with one and the same base, added up; a prompt without a score counts 0 on both sides.
struct Profile {
    std::size_t list = 0; ///< of draws
    double cells = 0;
    std::vector<double> scores, base; // [prompt]
};

void addCell(std::vector<Profile>& profiles, std::size_t list, const ScoreCell& cell, const std::vector<double>& base)
{
    Profile added{list, 1, cell.scores, base};
    for (std::size_t i = 0; i < base.size(); ++i)
        if (std::isnan(added.scores[i]) || std::isnan(added.base[i]))
            added.scores[i] = added.base[i] = 0;
    for (Profile& profile : profiles)
        if (profile.list == list && profile.base == added.base) {
            ++profile.cells;
            for (std::size_t i = 0; i < base.size(); ++i)
                profile.scores[i] += added.scores[i];
            return;
        }
    profiles.push_back(std::move(added));
}

} // namespace

const char* outcomeName(Outcome outcome)
{
    switch (outcome) {
    case Outcome::holds: return "holds";
    case Outcome::doesNotHold: return "does not hold";
    default: return "not decidable here";
    }
}

Sampler::Sampler(const std::vector<const ScoreBlock*>& blocks)
{
    for (const ScoreBlock* block : blocks) {
        if (m_list.contains(block))
            continue;
        const auto same = std::find_if(m_blocks.begin(), m_blocks.end(), [&](const ScoreBlock* other) {
            return !block->prompts.empty() && other->prompts == block->prompts
                   && other->base.size() == block->base.size();
        });
        if (same == m_blocks.end())
            m_sizes.push_back(block->base.size());
        m_list[block] = same == m_blocks.end() ? m_sizes.size() - 1 : m_list.at(*same);
        m_blocks.push_back(block);
    }
}

const std::vector<std::uint32_t>& Sampler::drawn(const ScoreBlock& block, const Draws& draws) const
{
    return draws[m_list.at(&block)];
}

double Sampler::base(const ScoreBlock& block, const Draws& draws) const
{
    double total = 0, count = 0;
    for (const std::uint32_t i : drawn(block, draws))
        if (!std::isnan(block.base[i])) {
            total += block.base[i];
            ++count;
        }
    return count > 0 ? total / count : kNone;
}

double Sampler::score(const CellRef& cell, const Draws& draws) const
{
    const ScoreCell* const found = cell.block->find(cell.method, cell.ratio);
    double total = 0, count = 0;
    if (found != nullptr)
        for (const std::uint32_t i : drawn(*cell.block, draws))
            if (!std::isnan(found->scores[i])) {
                total += found->scores[i];
                ++count;
            }
    return count > 0 ? total / count : kNone;
}

DrawStatistic Sampler::meanChange(const std::vector<CellRef>& cells) const
{
    std::vector<Profile> profiles;
    for (const CellRef& cell : cells) {
        const ScoreCell* const found = cell.block->find(cell.method, cell.ratio);
        if (found == nullptr)
            return [](const Draws&) { return kNone; };
        addCell(profiles, m_list.at(cell.block), *found, cell.block->base);
    }
    return [profiles = std::move(profiles)](const Draws& draws) {
        double total = 0, count = 0;
        for (const Profile& profile : profiles) {
            double compressed = 0, full = 0;
            for (const std::uint32_t i : draws[profile.list]) {
                compressed += profile.scores[i];
                full += profile.base[i];
            }
            if (!(full > 0))
                return kNone;
            total += compressed / full - profile.cells;
            count += profile.cells;
        }
        return count > 0 ? total / count : kNone;
    };
}

core::Estimate Sampler::estimate(const DrawStatistic& statistic, const core::ResamplingOptions& options) const
{
    return bootstrapLists(m_sizes, statistic, options);
}

std::vector<Sample> Sampler::samples() const
{
    std::vector<Sample> samples;
    const bool severalModels = std::any_of(m_blocks.begin(), m_blocks.end(), [&](const ScoreBlock* block) {
        return block->model != m_blocks.front()->model;
    });
    for (const ScoreBlock* block : m_blocks)
        samples.push_back({severalModels ? block->model + ": " + block->label() : block->label(),
                           static_cast<std::int64_t>(block->base.size()), block->baseScore()});
    return samples;
}

std::vector<CellRef> cellsOf(const ScoreBlock& block, const std::vector<std::string>& methods,
                             const std::vector<double>& ratios)
{
    std::vector<CellRef> cells;
    for (const std::string& method : methods)
        for (const double ratio : ratios)
            if (block.find(method, ratio) != nullptr)
                cells.push_back({&block, method, ratio});
    return cells;
}

void keepCommon(std::vector<CellRef>& a, std::vector<CellRef>& b)
{
    std::erase_if(a, [&](const CellRef& cell) { return !contains(b, cell); });
    std::erase_if(b, [&](const CellRef& cell) { return !contains(a, cell); });
}

void decide(Finding& finding, const std::set<std::string>& anyBase)
{
    finding.outcome = Outcome::undecided;
    if (const std::string why = obstacle(finding, anyBase); !why.empty()) {
        finding.reason = why;
        return;
    }
    const std::string interval = estimateText(finding.estimate);
    if (finding.estimate.low > 0) {
        finding.outcome = Outcome::holds;
        finding.reason = fmt::format("{}: the interval lies above 0", interval);
    } else if (finding.estimate.high < 0) {
        finding.outcome = Outcome::doesNotHold;
        finding.reason = fmt::format("{}: the interval lies below 0", interval);
    } else {
        finding.reason = fmt::format("{}: the interval includes 0", interval);
    }
}

Finding contrast(std::string statement, const std::vector<CellRef>& better, const std::vector<CellRef>& worse,
                 const core::ResamplingOptions& options)
{
    Finding finding;
    finding.statement = std::move(statement);
    finding.quantity = "difference of the mean changes";
    if (better.empty() || worse.empty()) {
        finding.reason = "the runs it needs are not there";
        return finding;
    }
    std::vector<const ScoreBlock*> blocks;
    for (const auto* side : {&better, &worse})
        for (const CellRef& cell : *side)
            blocks.push_back(cell.block);
    const Sampler sampler(blocks);
    finding.samples = sampler.samples();
    const DrawStatistic high = sampler.meanChange(better), low = sampler.meanChange(worse);
    finding.estimate = sampler.estimate([&](const Draws& draws) { return high(draws) - low(draws); }, options);
    decide(finding);
    return finding;
}

std::string percentText(double fraction)
{
    return std::isnan(fraction) ? std::string() : signedNumber(100 * fraction) + " %";
}

std::string estimateText(const core::Estimate& estimate)
{
    if (std::isnan(estimate.low) || std::isnan(estimate.high))
        return percentText(estimate.value);
    return fmt::format("{} [{}, {}]", percentText(estimate.value), signedNumber(100 * estimate.low),
                       signedNumber(100 * estimate.high));
}

} // namespace kvviz::study
