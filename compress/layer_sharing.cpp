// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The most dissimilar pairs come first: that is the method's claim, not a slip.
#include "compress/layer_sharing.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace kvviz::compress {

double meanDistance(std::span<const float> a, std::span<const float> b, int width)
{
    const auto size = static_cast<std::size_t>(width), count = a.size() / size;
    double sum = 0;
    for (std::size_t first = 0; first < count * size; first += size) {
        double squares = 0;
        for (std::size_t i = 0; i < size; ++i) {
            const double difference = static_cast<double>(a[first + i]) - b[first + i];
            squares += difference * difference;
        }
        sum += std::sqrt(squares);
    }
    return count > 0 ? sum / static_cast<double>(count) : 0.0;
}

std::vector<SharedLayer> sharingOrder(std::span<const double> distance, int layers)
{
    std::vector<SharedLayer> pairs;
    for (int layer = 0; layer < layers; ++layer)
        for (int source = 0; source < layer; ++source)
            pairs.push_back({layer, source});
    const auto distanceOf = [&](const SharedLayer& pair) {
        const double value = distance[static_cast<std::size_t>(pair.layer * layers + pair.source)];
        return std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
    };
    std::stable_sort(pairs.begin(), pairs.end(),
                     [&](const SharedLayer& a, const SharedLayer& b) { return distanceOf(a) > distanceOf(b); });
    std::vector<SharedLayer> order;
    std::vector<bool> replaced(static_cast<std::size_t>(layers), false);
    for (const SharedLayer& pair : pairs)
        if (!replaced[static_cast<std::size_t>(pair.layer)]) {
            replaced[static_cast<std::size_t>(pair.layer)] = true;
            order.push_back(pair);
        }
    return order;
}

std::vector<int> sharingSources(std::span<const SharedLayer> replacements, int layers)
{
    std::vector<int> sources(static_cast<std::size_t>(layers));
    std::iota(sources.begin(), sources.end(), 0);
    for (const SharedLayer& shared : replacements)
        sources[static_cast<std::size_t>(shared.layer)] = shared.source;
    for (int& source : sources) // shallower ones are at their root already
        source = sources[static_cast<std::size_t>(source)];
    return sources;
}

} // namespace kvviz::compress
