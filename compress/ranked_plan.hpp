// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The plan of methods that give every prompt position a score and keep the best of each KV head, nothing else.
#pragma once

#include "compress/kept_sets.hpp"
#include "compress/memo.hpp"

namespace kvviz::compress {

/// The best `capacity` positions of each KV head by `rankingOf(kvHead)`, a pointer to a Ranking of all n positions.
template <class RankingOf>
[[nodiscard]] LayerPlan rankedPlan(const LayerInput& input, std::int64_t capacity, const RankingOf& rankingOf)
{
    if (capacity >= input.data.n)
        return keepAll(input);
    LayerPlan plan;
    plan.layer = input.data.layer;
    for (int kvHead = 0; kvHead < input.data.heads.kvHeads(); ++kvHead) {
        TopK chosen = topOf(*rankingOf(kvHead), capacity);
        plan.tiesAtCut += chosen.tiesAtCut;
        plan.kept.push_back(std::move(chosen.positions));
    }
    return plan;
}

} // namespace kvviz::compress
