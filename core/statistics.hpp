// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Means, spreads and quantiles of value lists, accumulated in double. NaN marks "undefined here" throughout kvviz
// (a dead query has no output error), so NaN values are left out; with nothing left the result is NaN.
#pragma once

#include <cstddef>
#include <span>

namespace kvviz::core {

/// Number of values that are not NaN.
[[nodiscard]] std::size_t countDefined(std::span<const float> values);
[[nodiscard]] std::size_t countDefined(std::span<const double> values);

[[nodiscard]] double sum(std::span<const float> values); ///< 0 for an empty list
[[nodiscard]] double sum(std::span<const double> values);
[[nodiscard]] double mean(std::span<const float> values);
[[nodiscard]] double mean(std::span<const double> values);
[[nodiscard]] double maximum(std::span<const float> values);
[[nodiscard]] double maximum(std::span<const double> values);
/// Sample standard deviation (divisor count - 1); 0 for one value.
[[nodiscard]] double standardDeviation(std::span<const float> values);
[[nodiscard]] double standardDeviation(std::span<const double> values);
/// Quantile q in [0, 1] with linear interpolation between order statistics (numpy's default). Throws Error(usage) for
/// a q outside [0, 1].
[[nodiscard]] double quantile(std::span<const float> values, double q);
[[nodiscard]] double quantile(std::span<const double> values, double q);

} // namespace kvviz::core
