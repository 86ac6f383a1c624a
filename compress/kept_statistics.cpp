// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Position lists are ascending throughout.
#include "compress/kept_statistics.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace kvviz::compress {
namespace {

constexpr int kBins = 16;

/// Calls use(length) for each run of consecutive positions.
template <class Use>
void forRuns(std::span<const LayerPlan> plans, const Use& use)
{
    for (const LayerPlan& plan : plans)
        for (const auto& kept : plan.kept) {
            std::size_t begin = 0;
            for (std::size_t i = 1; i <= kept.size(); ++i)
                if (i == kept.size() || kept[i] != kept[i - 1] + 1) {
                    use(static_cast<std::uint64_t>(i - begin));
                    begin = i;
                }
        }
}

} // namespace

double jaccard(std::span<const std::int32_t> a, std::span<const std::int32_t> b)
{
    std::int64_t both = 0;
    for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
        both += a[i] == b[j];
        const bool stepA = a[i] <= b[j], stepB = b[j] <= a[i];
        i += stepA;
        j += stepB;
    }
    const std::int64_t either = std::ssize(a) + std::ssize(b) - both;
    return either > 0 ? static_cast<double>(both) / static_cast<double>(either) : 1.0;
}

double adjacentJaccard(std::span<const LayerPlan> plans)
{
    double sum = 0;
    std::int64_t pairs = 0;
    for (std::size_t layer = 1; layer < plans.size(); ++layer)
        for (std::size_t head = 0; head < plans[layer].kept.size(); ++head, ++pairs)
            sum += jaccard(plans[layer - 1].kept[head], plans[layer].kept[head]);
    return pairs > 0 ? sum / static_cast<double>(pairs) : std::numeric_limits<double>::quiet_NaN();
}

std::vector<std::int64_t> runLengths(std::span<const LayerPlan> plans)
{
    std::vector<std::int64_t> bins(kBins, 0);
    forRuns(plans, [&](std::uint64_t length) {
        ++bins[static_cast<std::size_t>(std::min<int>(kBins, std::bit_width(length)) - 1)];
    });
    return bins;
}

double meanRun(std::span<const LayerPlan> plans)
{
    std::uint64_t tokens = 0, runs = 0;
    forRuns(plans, [&](std::uint64_t length) {
        tokens += length;
        ++runs;
    });
    return runs > 0 ? static_cast<double>(tokens) / static_cast<double>(runs)
                    : std::numeric_limits<double>::quiet_NaN();
}

} // namespace kvviz::compress
