// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Cumulative score curves: which share of all attention the best (or the first) m keys receive, with and without the
// first k tokens (sinks). Both come from the same scores by one function.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kvviz::core {

/// Shares of the total of the keys that count. sorted[m-1]: the m largest; positional[m-1]: the first m in order.
/// Both end at 1 and never fall; an all-zero score list gives zeros.
struct ScoreCurve {
    std::int64_t skipped = 0; ///< keys left out at the front
    double total = 0;         ///< sum of the scores that count
    std::vector<double> sorted;
    std::vector<double> positional;
};

/// Leaves out the first `skipFirst` keys (0: all count) and renormalises over the rest. Scores are sums of attention:
/// negative or non-finite ones throw Error(badInput).
[[nodiscard]] ScoreCurve scoreCurve(std::span<const float> scores, std::int64_t skipFirst = 0);

/// Fewest keys whose share of `curve` reaches `share`; the curve's size if it never does.
[[nodiscard]] std::int64_t keysForShare(std::span<const double> curve, double share);

/// Value of a curve at `keys` >= 1 keys; 1 beyond its end, so that prompts of different length can be averaged.
[[nodiscard]] double shareAt(std::span<const double> curve, std::int64_t keys);

/// Distinct ascending whole numbers from 1 to `last`, every one up to about `count`, then evenly spaced in the
/// logarithm.
[[nodiscard]] std::vector<std::int64_t> logGrid(std::int64_t last, std::int64_t count);

/// Mean and spread of several values.
struct Summary {
    double mean = 0;
    double low = 0, high = 0;
};

/// Mean with the quantiles `lowQuantile` and 1 - lowQuantile of the values (linear interpolation between order
/// statistics).
[[nodiscard]] Summary quantileSummary(std::span<const double> values, double lowQuantile);

/// Mean with its 95 % percentile-bootstrap interval (`resamples` draws, seeded, the same on every machine). One value
/// gives an interval of width 0.
[[nodiscard]] Summary bootstrapMean(std::span<const double> values, std::uint64_t seed, int resamples = 2000);

} // namespace kvviz::core
