// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What chance does to a score: bootstrap intervals, and tests of two lists of scores on the same prompts. Random
// numbers are counter-based, so a result depends on the data and the seed alone. Pairs with a NaN on either side are
// left out.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>

namespace kvviz::core {

struct ResamplingOptions {
    std::int64_t resamples = 2000; ///< > 0
    double level = 0.95;           ///< of the interval, in (0, 1)
    std::uint64_t seed = 0;
};

/// A statistic with its interval. NaN where the data say nothing.
struct Estimate {
    double value = std::numeric_limits<double>::quiet_NaN();
    double low = std::numeric_limits<double>::quiet_NaN();
    double high = std::numeric_limits<double>::quiet_NaN();
    std::int64_t count = 0; ///< prompts, or pairs, that were used
};

/// A number computed from the units (prompts, or groups of pairs) with these indices; some occur more than once.
using Statistic = std::function<double(std::span<const std::size_t> chosen)>;

/// Percentile interval: `units` units are drawn with replacement, as many as there are, and the interval lies between
/// the quantiles (1 - level) / 2 and (1 + level) / 2 of the statistic. There is none for fewer than two units, or when
/// more than 1 - level of the resamples have no value (a base score of 0): what is left of them would be a choice. It
/// has no width when all units are equal, so "all right" on few prompts looks surer than it is. Throws Error(usage) for
/// options out of range.
[[nodiscard]] Estimate bootstrap(std::size_t units, const Statistic& statistic, const ResamplingOptions& options = {});

[[nodiscard]] Estimate bootstrapMean(std::span<const double> scores, const ResamplingOptions& options = {});

/// Equation 1 of the paper, delta P = (P_C - P_base) / P_base, a fraction: scores of the same prompts with a compressed
/// and with the full cache. NaN if the base score is 0. Throws Error(usage) for unequal lengths.
[[nodiscard]] Estimate bootstrapRelativeChange(std::span<const double> compressed, std::span<const double> base,
                                               const ResamplingOptions& options = {});

/// Rank correlations. Pairs that come from one prompt (its methods and ratios) are no independent evidence: with
/// `groups`, one number a pair, all pairs of a group are drawn together. Empty: each pair is its own group. Throws
/// Error(usage) for unequal lengths.
[[nodiscard]] Estimate bootstrapSpearman(std::span<const double> a, std::span<const double> b,
                                         std::span<const std::int64_t> groups = {},
                                         const ResamplingOptions& options = {});
[[nodiscard]] Estimate bootstrapKendall(std::span<const double> a, std::span<const double> b,
                                        std::span<const std::int64_t> groups = {},
                                        const ResamplingOptions& options = {});

/// Two-sided exact binomial p of McNemar's test: the prompts that only one of two runs has right fall on either side
/// like coins. 1 if there are none. Throws Error(usage) for negative counts.
[[nodiscard]] double mcNemar(std::int64_t onlyFirst, std::int64_t onlySecond);

/// Two-sided p of the paired sign-flip permutation test: the signs of the differences are taken at random. Exact (all
/// signs) up to 16 differences that are not 0; else with `resamples` draws, the data themselves counted as one. 1 if
/// there is no difference. Throws Error(usage) for unequal lengths.
[[nodiscard]] double signFlip(std::span<const double> first, std::span<const double> second,
                              const ResamplingOptions& options = {});

/// McNemar's test if all scores are 0 or 1, else the sign-flip test; NaN without a pair.
[[nodiscard]] double pairedTest(std::span<const double> first, std::span<const double> second,
                                const ResamplingOptions& options = {});

} // namespace kvviz::core
