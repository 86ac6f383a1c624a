// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The total grows with p, in steps of whole tokens, which is all that bisection needs.
#include "compress/pyramidinfer_schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace kvviz::compress {

double passedOn(double p, std::int64_t layer, std::int64_t layers, Decay decay)
{
    if (decay == Decay::constant)
        return p;
    const double angle = std::numbers::pi * static_cast<double>(layer) / static_cast<double>(layers);
    return p + (1 - p) * (1 + std::cos(angle)) / 2;
}

std::vector<std::int64_t> enteringTokens(const PyramidRules& rules, double p)
{
    std::vector<std::int64_t> entering{rules.n};
    const std::int64_t window = std::min(rules.n, rules.recent + 1);
    for (std::int64_t layer = 0; layer + 1 < rules.layers; ++layer) {
        const std::int64_t context = entering.back() - window;
        const double share = static_cast<double>(context) * passedOn(p, layer, rules.layers, rules.decay);
        const auto wanted = std::max(static_cast<std::int64_t>(std::floor(share + 1e-9)), rules.minContext);
        entering.push_back(window + std::min(context, wanted));
    }
    return entering;
}

PyramidSchedule scheduleFor(const PyramidRules& rules, std::int64_t capacity)
{
    const auto fits = [&](double p) {
        const auto entering = enteringTokens(rules, p);
        return std::accumulate(entering.begin(), entering.end(), std::int64_t{0}) <= rules.layers * capacity;
    };
    if (fits(1.0))
        return {1.0, enteringTokens(rules, 1.0), false};
    if (!fits(0.0))
        return {0.0, enteringTokens(rules, 0.0), true};
    double low = 0.0, high = 1.0; // fits(low), not fits(high)
    while (high - low > 1e-12) {
        const double middle = (low + high) / 2;
        (fits(middle) ? low : high) = middle;
    }
    return {low, enteringTokens(rules, low), false};
}

} // namespace kvviz::compress
