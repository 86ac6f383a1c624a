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
    return planOfHeads(input, [&](int kvHead) { return topOf(*rankingOf(kvHead), capacity); });
}

} // namespace kvviz::compress
