// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One template per statistic, instantiated for float and double lists.
#include "core/statistics.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace kvviz::core {
namespace {
constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

template <typename T>
std::size_t countOf(std::span<const T> values)
{
    return static_cast<std::size_t>(std::count_if(values.begin(), values.end(), [](T v) { return !std::isnan(v); }));
}

template <typename T>
double sumOf(std::span<const T> values)
{
    double total = 0;
    for (const T value : values)
        if (!std::isnan(value))
            total += value;
    return total;
}

template <typename T>
double meanOf(std::span<const T> values)
{
    const std::size_t count = countOf(values);
    return count == 0 ? kUndefined : sumOf(values) / static_cast<double>(count);
}

template <typename T>
double maximumOf(std::span<const T> values)
{
    double best = kUndefined;
    for (const T value : values)
        if (!std::isnan(value) && !(value <= best))
            best = value;
    return best;
}

template <typename T>
double deviationOf(std::span<const T> values)
{
    const std::size_t count = countOf(values);
    if (count < 2)
        return count == 0 ? kUndefined : 0;
    const double centre = meanOf(values);
    double squares = 0;
    for (const T value : values)
        if (!std::isnan(value))
            squares += (value - centre) * (value - centre);
    return std::sqrt(squares / static_cast<double>(count - 1));
}

template <typename T>
double quantileOf(std::span<const T> values, double q)
{
    if (!(q >= 0 && q <= 1))
        throw Error(ErrorCode::usage, "a quantile must lie between 0 and 1, not " + std::to_string(q));
    std::vector<T> sorted;
    sorted.reserve(values.size());
    std::copy_if(values.begin(), values.end(), std::back_inserter(sorted), [](T v) { return !std::isnan(v); });
    if (sorted.empty())
        return kUndefined;
    const double place = q * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::ptrdiff_t>(std::floor(place));
    std::nth_element(sorted.begin(), sorted.begin() + below, sorted.end());
    const double low = sorted[static_cast<std::size_t>(below)];
    const double fraction = place - static_cast<double>(below);
    if (fraction == 0)
        return low;
    const double high = *std::min_element(sorted.begin() + below + 1, sorted.end());
    return low + fraction * (high - low);
}
} // namespace

std::size_t countDefined(std::span<const float> values) { return countOf(values); }
std::size_t countDefined(std::span<const double> values) { return countOf(values); }
double sum(std::span<const float> values) { return sumOf(values); }
double sum(std::span<const double> values) { return sumOf(values); }
double mean(std::span<const float> values) { return meanOf(values); }
double mean(std::span<const double> values) { return meanOf(values); }
double maximum(std::span<const float> values) { return maximumOf(values); }
double maximum(std::span<const double> values) { return maximumOf(values); }
double standardDeviation(std::span<const float> values) { return deviationOf(values); }
double standardDeviation(std::span<const double> values) { return deviationOf(values); }
double quantile(std::span<const float> values, double q) { return quantileOf(values, q); }
double quantile(std::span<const double> values, double q) { return quantileOf(values, q); }

} // namespace kvviz::core
