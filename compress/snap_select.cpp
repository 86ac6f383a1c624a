// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The rankings are SnapKV's own, so all methods that build on them share one sorting.
#include "compress/snap_select.hpp"

#include <algorithm>
#include <limits>

namespace kvviz::compress {

LayerPlan snapPlan(const LayerInput& input, SnapOptions options, std::span<const std::int64_t> capacities)
{
    const core::LayerData& data = input.data;
    const ObservationWindow window = observationWindow(data, options.window);
    options.window = window.size;
    LayerPlan plan = planOfHeads(input, [&](int kvHead) {
        return topAndTail(*snapRanking(input, kvHead, options), data.n,
                          std::min(capacities[static_cast<std::size_t>(kvHead)], data.n));
    });
    addFlag(plan, kFlagWindowClamped, window.clamped);
    addFlag(plan, kFlagWindowExceedsBudget, *std::min_element(capacities.begin(), capacities.end()) < window.size);
    if (std::adjacent_find(capacities.begin(), capacities.end(), std::not_equal_to<>()) != capacities.end())
        addHeadBudgets(plan);
    return plan;
}

std::vector<double> snapPromptScores(const LayerInput& input, int kvHead, SnapOptions options)
{
    options.window = observationWindow(input.data, options.window).size;
    std::vector<double> scores = snapRanking(input, kvHead, options)->scores;
    scores.resize(static_cast<std::size_t>(input.data.n), std::numeric_limits<double>::infinity());
    return scores;
}

} // namespace kvviz::compress
