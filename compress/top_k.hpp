// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The one top-k rule of kvviz (methods.md 1.1): score descending, then position ascending; NaN counts as minus
// infinity.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kvviz::compress {

struct TopK {
    std::vector<std::int32_t> positions; ///< ascending
    std::int64_t tiesAtCut = 0;          ///< candidates equal to the k-th score if the cut splits them, else 0
};

/// Scores with their order, sorted once for many k.
struct Ranking {
    std::vector<double> scores;
    std::vector<std::int32_t> order; ///< best first
};
[[nodiscard]] Ranking rank(std::vector<double> scores);
[[nodiscard]] TopK topOf(const Ranking& ranking, std::int64_t k);

/// k is clamped to [0, number of scores].
[[nodiscard]] TopK topK(std::span<const double> scores, std::int64_t k);

} // namespace kvviz::compress
