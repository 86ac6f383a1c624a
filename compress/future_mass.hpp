// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the queries to come attend to: the score of the mass oracles, which no causal method may look at.
#pragma once

#include "compress/memo.hpp"
#include "compress/pooled_scores.hpp"
#include "compress/top_k.hpp"

namespace kvviz::compress {

/// Throws Error(badInput) if the layer has no decode rows.
void requireFuture(const core::LayerData& data, std::string_view who);

/// sum_{decode steps} sum_{h in g} A[h,q,j] of each prompt key. [n]
[[nodiscard]] std::vector<double> futureMass(const core::LayerData& data, int kvHead);
/// The same, sorted, shared by all who ask for it in this layer.
[[nodiscard]] std::shared_ptr<const Ranking> futureRanking(const LayerInput& input, int kvHead);
/// Each KV head keeps its best ones; its share is that of unit `firstUnit` + its number.
[[nodiscard]] LayerPlan futurePlan(const LayerInput& input, const PooledScores::Shares& shares, std::int64_t firstUnit);

} // namespace kvviz::compress
