// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Three ways to share L C tokens out over L layers, deeper layers getting fewer.
#include "compress/pyramid_schedule.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

std::vector<std::int64_t> uniform(const PyramidRequest& request)
{
    return std::vector<std::int64_t>(static_cast<std::size_t>(request.layers), std::min(request.capacity, request.n));
}

/// No pyramid to build: everything fits, only the window fits, there is one layer, or the rule says so.
bool isFlat(const PyramidRequest& request)
{
    return request.capacity >= request.n || request.capacity <= request.window || request.layers == 1
           || (request.flatRegime && request.n < 2 * (request.capacity - request.window));
}

/// Both ends of the line; the first layer cannot keep more than there is, what it leaves goes to the last.
struct Ends {
    double most = 0, least = 0;
};
Ends clippedEnds(double pool, double least, double candidates)
{
    const double most = 2 * pool - least;
    return most >= candidates ? Ends{candidates, 2 * pool - candidates} : Ends{most, least};
}

} // namespace

LayerPlace layerPlace(const LayerInput& input)
{
    if (!input.info || input.info->model.nLayers <= 0)
        return {input.slot, std::max<std::int64_t>(1, input.layers)};
    const LayerPlace place{input.data.layer, input.info->model.nLayers};
    if (place.layer < 0 || place.layer >= place.layers)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("layer {} is not one of the {} layers of the model", place.layer, place.layers));
    return place;
}

double floorQuotient(double a, double b)
{
    // The plain quotient may round up to the next whole number.
    return std::round((a - std::fmod(a, b)) / b);
}

std::vector<std::int64_t> exactPyramid(const PyramidRequest& request)
{
    if (isFlat(request))
        return uniform(request);
    const auto pool = static_cast<double>(request.capacity - request.window);
    const Ends ends = clippedEnds(pool, pool / request.beta, static_cast<double>(request.n - request.window));
    const auto layers = static_cast<std::size_t>(request.layers);
    std::vector<std::int64_t> result(layers);
    std::vector<double> remainder(layers);
    for (std::size_t layer = 0; layer < layers; ++layer) {
        const double share = static_cast<double>(layer) / static_cast<double>(layers - 1);
        const double exact = ends.most + (ends.least - ends.most) * share;
        const double whole = std::floor(exact + 1e-9);        // whole numbers must not fall to rounding
        remainder[layer] = std::round((exact - whole) * 1e9); // nor equal remainders differ by it
        result[layer] = static_cast<std::int64_t>(whole) + request.window;
    }
    std::vector<std::size_t> order(layers);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return remainder[a] > remainder[b]; });
    const std::int64_t missing =
        request.layers * request.capacity - std::accumulate(result.begin(), result.end(), std::int64_t{0});
    for (std::int64_t i = 0; i < missing; ++i)
        ++result[order[static_cast<std::size_t>(i)]];
    return result;
}

std::vector<std::int64_t> factoryPyramid(const PyramidRequest& request)
{
    if (isFlat(request))
        return uniform(request);
    const auto pool = static_cast<double>(request.capacity - request.window);
    const Ends ends =
        clippedEnds(pool, floorQuotient(pool, request.beta), static_cast<double>(request.n - request.window));
    const double step = floorQuotient(ends.most - ends.least, static_cast<double>(request.layers - 1));
    std::vector<std::int64_t> result;
    for (std::int64_t layer = 0; layer < request.layers; ++layer)
        result.push_back(static_cast<std::int64_t>(ends.most - static_cast<double>(layer) * step) + request.window);
    return result;
}

KvpressPyramid kvpressPyramid(const PyramidRequest& request, double kept)
{
    const auto n = static_cast<double>(request.n), window = static_cast<double>(request.window);
    // Adding the window and taking it off again is not the same in binary arithmetic.
    const double pool = (window + kept) - window;
    const Ends ends = clippedEnds(pool, pool / request.beta, n - window);
    KvpressPyramid result;
    result.fellBack = !(n >= ends.most && ends.most >= ends.least && ends.least >= window);
    const bool flat = result.fellBack || request.layers == 1;
    const double step = flat ? 0 : (ends.most - ends.least) / static_cast<double>(request.layers - 1);
    for (std::int64_t layer = 0; layer < request.layers; ++layer) {
        // nearbyint rounds halves to even, as Python does.
        const double tokens = std::nearbyint(flat ? kept : ends.most - static_cast<double>(layer) * step);
        result.capacities.push_back(std::clamp<std::int64_t>(static_cast<std::int64_t>(tokens), 1, request.n));
    }
    return result;
}

double kvpressKept(const Budget& budget, std::int64_t n)
{
    budget.validate();
    if (budget.tokens)
        return static_cast<double>(std::min(*budget.tokens, n));
    const double removed = std::round((1.0 - budget.ratio) * 1e9) / 1e9; // 0.9, not 1 - 0.1
    return static_cast<double>(n) * (1.0 - removed);
}

} // namespace kvviz::compress
