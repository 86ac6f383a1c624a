// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "core/curves.hpp"

#include "core/error.hpp"
#include "core/hash_random.hpp"
#include "core/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <string>

namespace kvviz::core {

namespace {

std::vector<double> cumulativeShares(const std::vector<double>& values, double total)
{
    std::vector<double> shares(values.size(), 0.0);
    if (total <= 0)
        return shares;
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        sum += values[i];
        shares[i] = std::min(1.0, sum / total);
    }
    shares.back() = 1.0; // rounding must not leave the end at 0.999...
    return shares;
}

} // namespace

ScoreCurve scoreCurve(std::span<const float> scores, std::int64_t skipFirst)
{
    ScoreCurve curve;
    curve.skipped = std::clamp<std::int64_t>(skipFirst, 0, std::ssize(scores));
    std::vector<double> counted;
    counted.reserve(scores.size());
    for (auto i = static_cast<std::size_t>(curve.skipped); i < scores.size(); ++i) {
        if (!std::isfinite(scores[i]) || scores[i] < 0)
            throw Error(ErrorCode::badInput, "the score of key " + std::to_string(i) + " is "
                                                 + std::to_string(scores[i])
                                                 + "; cumulative curves need finite values of at least 0");
        counted.push_back(scores[i]);
    }
    curve.total = std::accumulate(counted.begin(), counted.end(), 0.0);
    curve.positional = cumulativeShares(counted, curve.total);
    std::sort(counted.begin(), counted.end(), std::greater<>());
    curve.sorted = cumulativeShares(counted, curve.total);
    return curve;
}

std::int64_t keysForShare(std::span<const double> curve, double share)
{
    const auto found = std::lower_bound(curve.begin(), curve.end(), share);
    return std::min<std::int64_t>(found - curve.begin() + 1, std::ssize(curve));
}

double shareAt(std::span<const double> curve, std::int64_t keys)
{
    if (keys < 1 || curve.empty())
        return 0.0;
    return keys > std::ssize(curve) ? 1.0 : curve[static_cast<std::size_t>(keys - 1)];
}

std::vector<std::int64_t> logGrid(std::int64_t last, std::int64_t count)
{
    std::vector<std::int64_t> grid;
    if (last < 1)
        return grid;
    const double step = count > 1 ? std::log(static_cast<double>(last)) / static_cast<double>(count - 1) : 0.0;
    for (std::int64_t i = 0; i < count; ++i) {
        const auto value = std::llround(std::exp(step * static_cast<double>(i)));
        const auto clamped = std::clamp<std::int64_t>(value, 1, last);
        if (grid.empty() || clamped > grid.back())
            grid.push_back(clamped);
    }
    if (grid.empty() || grid.back() != last)
        grid.push_back(last);
    return grid;
}

Summary quantileSummary(std::span<const double> values, double lowQuantile)
{
    if (values.empty())
        return {};
    Summary summary;
    summary.mean = mean(values);
    summary.low = quantile(values, lowQuantile);
    summary.high = quantile(values, 1.0 - lowQuantile);
    return summary;
}

Summary bootstrapMean(std::span<const double> values, std::uint64_t seed, int resamples)
{
    const double center = mean(values);
    if (values.size() < 2 || resamples < 1)
        return {center, center, center};
    std::vector<double> means(static_cast<std::size_t>(resamples));
    std::uint64_t state = seed;
    for (double& resampled : means) {
        double sum = 0;
        for (std::size_t i = 0; i < values.size(); ++i)
            sum += values[nextBits(state) % values.size()];
        resampled = sum / static_cast<double>(values.size());
    }
    const std::span<const double> drawn(means);
    return {center, quantile(drawn, 0.025), quantile(drawn, 0.975)};
}

} // namespace kvviz::core
