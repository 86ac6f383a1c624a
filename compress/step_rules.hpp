// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a method does with the cache of a layer while the model decodes. A replay and a running model follow the same
// rules (compress/online_steps, compress/live_policy).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace kvviz::compress {

/// One decode query and the cache it sees.
struct OnlineStep {
    std::int64_t step = 0;                     ///< the query's position is n + step
    std::span<const std::int32_t> live;        ///< positions, ascending; the query's own key is the last
    std::span<const std::vector<double>> rows; ///< [heads][live] attention, summing to 1; 0 if nothing is left of a row
};
/// Called after the attention of each step in turn: places in `live`, ascending, whose keys stay for the next one.
using StayRule = std::function<std::vector<std::int32_t>(const OnlineStep&)>;

/// One layer of one stream. The rules own all that they read and change: the layer's arrays may go, and a copy made
/// before the first step serves another stream.
struct StepRules {
    /// One for each KV head, with the rows of its query heads, or one for the layer, with the rows of all, whose places
    /// hold for every KV head. Empty: every key stays.
    std::vector<StayRule> rules;
    /// Prompt positions that the first decode query sees, per KV head, ascending; empty: LayerPlan::kept. For methods
    /// that make room before a token comes. [G][..]
    std::vector<std::vector<std::int32_t>> start = {};
    bool readsRows = true;       ///< false: OnlineStep::rows may be empty
    std::int64_t quietSteps = 0; ///< queries at the start that see all of `start` and every generated key
};

} // namespace kvviz::compress
