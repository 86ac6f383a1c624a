// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Monotone (isotonic) regression, what a prediction says in the units of a measurement: the best fit of all functions
// that never fall (or never rise), with no other assumption on its form.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace kvviz::core {

enum class Direction { rising, falling };

/// A fitted function: values at ascending places, straight lines between them, constant beyond the ends.
struct IsotonicFit {
    std::vector<double> x, y;

    /// NaN for a NaN, or when nothing was fitted.
    [[nodiscard]] double operator()(double at) const;
};

/// Least squares by pool-adjacent-violators; points at the same x are one point, their weighted mean. `weights`: > 0,
/// or empty: all 1. Points that are not finite are left out. Throws Error(usage) for unequal lengths or a weight that
/// is not a positive number. O(count log count).
[[nodiscard]] IsotonicFit fitIsotonic(std::span<const double> x, std::span<const double> y,
                                      std::span<const double> weights, Direction direction);

/// A monotone fit with the errors it makes on groups (tasks, prompts) that it has not seen.
struct IsotonicCalibration {
    IsotonicFit fit;                 ///< of all points
    std::vector<double> predictions; ///< [count] of the fit without the point's group; NaN for a single group
    /// Quantiles (1 - level) / 2 and (1 + level) / 2 of the residuals y - prediction, each group with the same weight
    /// however many points it has; NaN for a single group.
    double residualLow = std::numeric_limits<double>::quiet_NaN();
    double residualHigh = std::numeric_limits<double>::quiet_NaN();

    struct Expected {
        double value, low, high;
    };
    /// What to expect at x for a new group, with the interval its residual will lie in about `level` of the time.
    [[nodiscard]] Expected expect(double at) const;
};

/// Leave-one-group-out cross-validation. `groups`: one number a point. Throws as fitIsotonic does, and Error(usage) for
/// a level outside (0, 1).
[[nodiscard]] IsotonicCalibration calibrateIsotonic(std::span<const double> x, std::span<const double> y,
                                                    std::span<const double> weights,
                                                    std::span<const std::int64_t> groups, Direction direction,
                                                    double level = 0.95);

} // namespace kvviz::core
