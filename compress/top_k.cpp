// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Selection in linear time; only the cut needs the order.
#include "compress/top_k.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace kvviz::compress {
namespace {

double valueOf(double score) { return std::isnan(score) ? -std::numeric_limits<double>::infinity() : score; }

} // namespace

Ranking rank(std::vector<double> scores)
{
    Ranking ranking;
    ranking.scores = std::move(scores);
    for (double& score : ranking.scores)
        score = valueOf(score);
    ranking.order.resize(ranking.scores.size());
    std::iota(ranking.order.begin(), ranking.order.end(), 0);
    std::stable_sort(ranking.order.begin(), ranking.order.end(), [&](std::int32_t a, std::int32_t b) {
        return ranking.scores[static_cast<std::size_t>(a)] > ranking.scores[static_cast<std::size_t>(b)];
    });
    return ranking;
}

TopK topOf(const Ranking& ranking, std::int64_t k)
{
    const std::int64_t count = std::ssize(ranking.order);
    k = std::clamp(k, std::int64_t{0}, count);
    TopK result;
    result.positions.assign(ranking.order.begin(), ranking.order.begin() + k);
    std::sort(result.positions.begin(), result.positions.end());
    if (k == 0 || k == count)
        return result;
    const auto score = [&](std::int64_t place) {
        return ranking.scores[static_cast<std::size_t>(ranking.order[static_cast<std::size_t>(place)])];
    };
    const double last = score(k - 1);
    if (score(k) != last)
        return result;
    std::int64_t from = k - 1, to = k;
    while (from > 0 && score(from - 1) == last)
        --from;
    while (to < count && score(to) == last)
        ++to;
    result.tiesAtCut = to - from;
    return result;
}

TopK topK(std::span<const double> scores, std::int64_t k)
{
    const std::int64_t count = std::ssize(scores);
    k = std::clamp(k, std::int64_t{0}, count);
    const auto at = [&](std::int32_t i) { return valueOf(scores[static_cast<std::size_t>(i)]); };
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
    std::vector<std::uint8_t> chosen(static_cast<std::size_t>(count), 0); // marks are cheaper than sorting
    for (std::int64_t place = 0; place < k; ++place)
        chosen[static_cast<std::size_t>(result.positions[static_cast<std::size_t>(place)])] = 1;
    result.positions.clear();
    for (std::int32_t i = 0; i < count; ++i)
        if (chosen[static_cast<std::size_t>(i)])
            result.positions.push_back(i);
    return result;
}

} // namespace kvviz::compress
