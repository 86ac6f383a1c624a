// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Lists here have hundreds of entries, so the plain quadratic count of concordant pairs is fast enough.
#include "core/correlation.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

namespace kvviz::core {
namespace {

struct Pairs {
    std::vector<double> a, b;
};

Pairs definedPairs(std::span<const double> a, std::span<const double> b)
{
    if (a.size() != b.size())
        throw Error(ErrorCode::usage, fmt::format("a correlation needs two lists of one length, not {} and {} numbers",
                                                  a.size(), b.size()));
    Pairs pairs;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (!std::isnan(a[i]) && !std::isnan(b[i])) {
            pairs.a.push_back(a[i]);
            pairs.b.push_back(b[i]);
        }
    return pairs;
}

double mean(const std::vector<double>& values)
{
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double pearsonOf(const Pairs& pairs)
{
    if (pairs.a.size() < 2)
        return std::numeric_limits<double>::quiet_NaN();
    const double meanA = mean(pairs.a), meanB = mean(pairs.b);
    double product = 0, squareA = 0, squareB = 0;
    for (std::size_t i = 0; i < pairs.a.size(); ++i) {
        const double x = pairs.a[i] - meanA, y = pairs.b[i] - meanB;
        product += x * y;
        squareA += x * x;
        squareB += y * y;
    }
    const double scale = std::sqrt(squareA) * std::sqrt(squareB);
    return scale > 0 ? std::clamp(product / scale, -1.0, 1.0) : std::numeric_limits<double>::quiet_NaN();
}

} // namespace

std::vector<double> ranks(std::span<const double> values)
{
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return values[i] < values[j]; });
    std::vector<double> result(values.size());
    for (std::size_t from = 0, to = 0; from < order.size(); from = to) {
        while (to < order.size() && values[order[to]] == values[order[from]])
            ++to;
        for (std::size_t i = from; i < to; ++i)
            result[order[i]] = static_cast<double>(from + to + 1) / 2;
    }
    return result;
}

double pearson(std::span<const double> a, std::span<const double> b) { return pearsonOf(definedPairs(a, b)); }

double spearman(std::span<const double> a, std::span<const double> b)
{
    const Pairs pairs = definedPairs(a, b);
    return pearsonOf({ranks(pairs.a), ranks(pairs.b)});
}

double kendall(std::span<const double> a, std::span<const double> b)
{
    const Pairs pairs = definedPairs(a, b);
    double balance = 0, freeA = 0, freeB = 0; // pairs not tied in a, in b
    for (std::size_t i = 0; i < pairs.a.size(); ++i)
        for (std::size_t j = 0; j < i; ++j) {
            const int x = (pairs.a[i] > pairs.a[j]) - (pairs.a[i] < pairs.a[j]);
            const int y = (pairs.b[i] > pairs.b[j]) - (pairs.b[i] < pairs.b[j]);
            balance += x * y;
            freeA += x != 0;
            freeB += y != 0;
        }
    const double scale = std::sqrt(freeA * freeB);
    return scale > 0 ? balance / scale : std::numeric_limits<double>::quiet_NaN();
}

} // namespace kvviz::core
