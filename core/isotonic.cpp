// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Pool-adjacent-violators: blocks of neighbours are merged to their mean until no block is above the next.
#include "core/isotonic.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <fmt/format.h>

namespace kvviz::core {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

struct Block {
    double mean, weight;
    std::size_t points; ///< places of the fit that it covers
};

struct WeightedPoint {
    double x, y, weight;
};

void requireLengths(std::size_t x, std::size_t y, std::size_t weights)
{
    if (x != y || (weights != 0 && weights != x))
        throw Error(ErrorCode::usage, fmt::format("a regression needs lists of one length, not {} x, {} y and {} "
                                                  "weights", x, y, weights));
}

/// Defined points in the order of x, with equal x joined.
std::vector<WeightedPoint> distinctPoints(std::span<const double> x, std::span<const double> y,
                                          std::span<const double> weights)
{
    std::vector<WeightedPoint> points;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double weight = weights.empty() ? 1 : weights[i];
        if (!(weight > 0) || !std::isfinite(weight))
            throw Error(ErrorCode::usage, fmt::format("the weight {} of a point is not a positive number", weight));
        if (std::isfinite(x[i]) && std::isfinite(y[i]))
            points.push_back({x[i], y[i], weight});
    }
    std::stable_sort(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.x < b.x; });
    std::vector<WeightedPoint> distinct;
    for (const WeightedPoint& point : points) {
        if (distinct.empty() || distinct.back().x != point.x) {
            distinct.push_back(point);
            continue;
        }
        WeightedPoint& same = distinct.back();
        same.weight += point.weight;
        same.y += (point.y - same.y) * point.weight / same.weight;
    }
    return distinct;
}

/// Quantile of weighted values: the smallest that has at least the share q of the weight at or below it.
double weightedQuantile(std::vector<std::pair<double, double>> values, double q)
{
    if (values.empty())
        return kNone;
    std::sort(values.begin(), values.end());
    const double total = std::accumulate(values.begin(), values.end(), 0.0,
                                         [](double sum, const auto& value) { return sum + value.second; });
    double below = 0;
    for (const auto& [value, weight] : values)
        if ((below += weight) >= q * total * (1 - 1e-12))
            return value;
    return values.back().first;
}

template <typename T>
std::vector<T> without(std::span<const T> values, std::span<const std::int64_t> groups, std::int64_t group)
{
    std::vector<T> rest;
    for (std::size_t i = 0; i < values.size(); ++i)
        if (groups[i] != group)
            rest.push_back(values[i]);
    return rest;
}

} // namespace

double IsotonicFit::operator()(double at) const
{
    if (x.empty() || std::isnan(at))
        return kNone;
    const std::size_t above = static_cast<std::size_t>(std::lower_bound(x.begin(), x.end(), at) - x.begin());
    if (above == x.size())
        return y.back();
    if (above == 0 || x[above] == at)
        return y[above];
    const double share = (at - x[above - 1]) / (x[above] - x[above - 1]);
    return std::lerp(y[above - 1], y[above], share);
}

IsotonicFit fitIsotonic(std::span<const double> x, std::span<const double> y, std::span<const double> weights,
                        Direction direction)
{
    requireLengths(x.size(), y.size(), weights.size());
    const double sign = direction == Direction::rising ? 1 : -1;
    std::vector<Block> blocks;
    IsotonicFit fit;
    for (const WeightedPoint& point : distinctPoints(x, y, weights)) {
        fit.x.push_back(point.x);
        blocks.push_back({sign * point.y, point.weight, 1});
        while (blocks.size() > 1 && blocks[blocks.size() - 2].mean >= blocks.back().mean) {
            const Block last = blocks.back();
            blocks.pop_back();
            Block& joined = blocks.back();
            joined.weight += last.weight;
            joined.mean += (last.mean - joined.mean) * last.weight / joined.weight;
            joined.points += last.points;
        }
    }
    for (const Block& block : blocks)
        fit.y.insert(fit.y.end(), block.points, sign * block.mean);
    return fit;
}

IsotonicCalibration::Expected IsotonicCalibration::expect(double at) const
{
    const double value = fit(at);
    return {value, value + residualLow, value + residualHigh};
}

IsotonicCalibration calibrateIsotonic(std::span<const double> x, std::span<const double> y,
                                      std::span<const double> weights, std::span<const std::int64_t> groups,
                                      Direction direction, double level)
{
    if (groups.size() != x.size())
        throw Error(ErrorCode::usage, fmt::format("{} points need as many group numbers, not {}", x.size(),
                                                  groups.size()));
    if (!(level > 0 && level < 1))
        throw Error(ErrorCode::usage, fmt::format("the level {} of an interval is not between 0 and 1", level));
    IsotonicCalibration result{fitIsotonic(x, y, weights, direction), std::vector<double>(x.size(), kNone)};
    std::map<std::int64_t, std::vector<std::size_t>> members;
    for (std::size_t i = 0; i < groups.size(); ++i)
        members[groups[i]].push_back(i);
    std::vector<std::pair<double, double>> residuals;
    for (const auto& [group, points] : members) {
        const IsotonicFit others = fitIsotonic(without(x, groups, group), without(y, groups, group),
                                               without(weights, groups, group), direction);
        const std::size_t before = residuals.size();
        for (const std::size_t i : points) {
            result.predictions[i] = others(x[i]);
            if (const double residual = y[i] - result.predictions[i]; std::isfinite(residual))
                residuals.emplace_back(residual, 1.0);
        }
        for (std::size_t i = before; i < residuals.size(); ++i)
            residuals[i].second = 1.0 / static_cast<double>(residuals.size() - before);
    }
    result.residualLow = weightedQuantile(residuals, (1 - level) / 2);
    result.residualHigh = weightedQuantile(std::move(residuals), (1 + level) / 2);
    return result;
}

} // namespace kvviz::core
