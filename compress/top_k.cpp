// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Selection in linear time; only the cut needs the order.
#include "compress/top_k.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace kvviz::compress {

TopK topK(std::span<const double> scores, std::int64_t k)
{
    const std::int64_t count = std::ssize(scores);
    k = std::clamp(k, std::int64_t{0}, count);
    const auto at = [&](std::int32_t i) {
        const double score = scores[static_cast<std::size_t>(i)];
        return std::isnan(score) ? -std::numeric_limits<double>::infinity() : score;
    };
    TopK result;
    result.positions.resize(static_cast<std::size_t>(count));
    std::iota(result.positions.begin(), result.positions.end(), 0);
    if (k == 0 || k == count) {
        result.positions.resize(static_cast<std::size_t>(k));
        return result;
    }
    std::nth_element(result.positions.begin(), result.positions.begin() + (k - 1), result.positions.end(),
                     [&](std::int32_t a, std::int32_t b) { return at(a) != at(b) ? at(a) > at(b) : a < b; });
    const double last = at(result.positions[static_cast<std::size_t>(k - 1)]);
    const auto tied = [&](std::int32_t i) { return at(i) == last; };
    if (std::any_of(result.positions.begin() + k, result.positions.end(), tied))
        result.tiesAtCut = std::count_if(result.positions.begin(), result.positions.end(), tied);
    result.positions.resize(static_cast<std::size_t>(k));
    std::sort(result.positions.begin(), result.positions.end());
    return result;
}

} // namespace kvviz::compress
