// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Smallest and largest of the numbers that an axis has to show.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace kvviz::plot {

/// low > high before anything was added.
struct Extent {
    double low = std::numeric_limits<double>::max(), high = std::numeric_limits<double>::lowest();

    /// What is not finite needs no room.
    void add(double value)
    {
        if (!std::isfinite(value))
            return;
        low = std::min(low, value);
        high = std::max(high, value);
    }
    void add(const std::vector<double>& values)
    {
        for (const double value : values)
            add(value);
    }
    [[nodiscard]] double length() const { return std::max(0.0, high - low); }
    /// A share of the length, or of the number itself when there is but one.
    [[nodiscard]] double air(double share) const
    {
        return share * (high > low ? high - low : std::max(std::abs(high), 1e-3));
    }
};

} // namespace kvviz::plot
