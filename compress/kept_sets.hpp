// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Building blocks of plans: full caches, protected tails, one set for all heads of a layer.
#pragma once

#include "compress/method.hpp"
#include "compress/top_k.hpp"

#include <utility>

namespace kvviz::compress {

/// Positions begin..end-1.
[[nodiscard]] std::vector<std::int32_t> positionRange(std::int64_t begin, std::int64_t end);

/// A plan that keeps everything, in every head.
[[nodiscard]] LayerPlan keepAll(const LayerInput& input);

/// Scores cover the first n - tail positions. The `tail` positions after them come first, then the best of the scored
/// ones, `capacity` in all; a capacity within the tail keeps its latest positions.
[[nodiscard]] TopK topAndTail(std::span<const double> scores, std::int64_t n, std::int64_t capacity);
[[nodiscard]] TopK topAndTail(const Ranking& ranking, std::int64_t n, std::int64_t capacity);

/// The same positions for all KV heads of the layer.
[[nodiscard]] LayerPlan sharedPlan(const LayerInput& input, const TopK& chosen);

/// Positions of each KV head's own; `choiceOf(kvHead)` gives its TopK.
template <class ChoiceOf>
[[nodiscard]] LayerPlan planOfHeads(const LayerInput& input, const ChoiceOf& choiceOf)
{
    LayerPlan plan;
    plan.layer = input.data.layer;
    for (int kvHead = 0; kvHead < input.data.heads.kvHeads(); ++kvHead) {
        TopK chosen = choiceOf(kvHead);
        plan.tiesAtCut += chosen.tiesAtCut;
        plan.kept.push_back(std::move(chosen.positions));
    }
    return plan;
}

/// Facts head_budget_min and head_budget_max: the fewest and the most tokens that a head of the plan keeps.
void addHeadBudgets(LayerPlan& plan);

/// Adds a flag once.
void addFlag(LayerPlan& plan, std::string_view flag, bool when = true);

/// Flags of methods with a protected window.
inline constexpr std::string_view kFlagWindowClamped = "window_clamped";
inline constexpr std::string_view kFlagWindowExceedsBudget = "window_exceeds_budget";

} // namespace kvviz::compress
