// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/report_tile.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvviz::plot {

namespace {

constexpr double kDecades = 1e-6; // below this part of the largest value cells are told as "below"
constexpr std::uint8_t kMasked = 255;
constexpr double kSteps = 253;

std::uint8_t codeOf(double value, double low, double high)
{
    if (std::isnan(value))
        return kMasked;
    if (!(value >= low))
        return 0;
    const double place = high > low ? std::log(value / low) / std::log(high / low) : 0.0;
    return static_cast<std::uint8_t>(1 + std::lround(std::clamp(place, 0.0, 1.0) * kSteps));
}

} // namespace

ReportTile reportTile(const io::MapTile& tile)
{
    double least = std::numeric_limits<double>::infinity(), most = 0;
    for (const float value : tile.values)
        if (value > 0) { // false for NaN
            least = std::min(least, static_cast<double>(value));
            most = std::max(most, static_cast<double>(value));
        }
    ReportTile result;
    if (most > 0) {
        result.high = most;
        result.low = std::max(least, most * kDecades);
    }
    for (std::int64_t row = 0; row < tile.rows; ++row) {
        const float* cells = tile.values.data() + row * tile.columns;
        std::int64_t count = tile.columns;
        while (count > 0 && std::isnan(cells[count - 1]))
            --count;
        result.counts.push_back(static_cast<int>(count));
        for (std::int64_t column = 0; column < count; ++column)
            result.codes.push_back(codeOf(static_cast<double>(cells[column]), result.low, result.high));
    }
    return result;
}

} // namespace kvviz::plot
