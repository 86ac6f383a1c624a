// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// SnapKV's choice with a capacity of its own for each KV head, for the methods that only share out the budget
// differently.
#pragma once

#include "compress/kept_sets.hpp"
#include "compress/window_scores.hpp"

#include <span>

namespace kvviz::compress {

/// The best capacity - w keys by SnapKV's score and the last w, per KV head; a capacity of n or more keeps everything.
/// w is what the capture can serve of `options.window`. Flags window_clamped and window_exceeds_budget; facts
/// head_budget_min and head_budget_max where the heads differ. `capacities` [G]
[[nodiscard]] LayerPlan snapPlan(const LayerInput& input, SnapOptions options,
                                 std::span<const std::int64_t> capacities);

/// SnapKV's score of all prompt positions, the window +infinity (Method::scores). [n]
[[nodiscard]] std::vector<double> snapPromptScores(const LayerInput& input, int kvHead, SnapOptions options);

} // namespace kvviz::compress
