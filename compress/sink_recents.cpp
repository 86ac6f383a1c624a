// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Positions and ranks only; no attention is read.
#include "compress/sink_recents.hpp"

#include "compress/kept_sets.hpp"

#include <algorithm>

namespace kvviz::compress {

SinkRecents sinkRecents(std::int64_t capacity, std::int64_t sinksWanted)
{
    const std::int64_t sinks = std::min(sinksWanted, capacity);
    return {sinks, capacity - sinks};
}

TopK promptCut(std::int64_t n, SinkRecents sizes)
{
    TopK chosen{positionRange(0, sizes.sinks), 0};
    for (const std::int32_t recent : positionRange(n - sizes.recents, n))
        chosen.positions.push_back(recent);
    return chosen;
}

StepRules streamingRules(const core::LayerData& data, SinkRecents sizes)
{
    const SinkRecents before{sizes.sinks, std::max<std::int64_t>(0, sizes.recents - 1)};
    return {.rules = {[before](const OnlineStep& step) { return promptCut(std::ssize(step.live), before).positions; }},
            .start = std::vector(static_cast<std::size_t>(data.heads.kvHeads()), promptCut(data.n, before).positions),
            .readsRows = false};
}

std::vector<std::int32_t> cacheShift(const core::LayerData& data, std::span<const std::uint8_t> mask)
{
    const std::int64_t total = data.total();
    std::vector<std::int32_t> shift(mask.size(), 0);
    for (std::int64_t step = 0; step < data.t; ++step) {
        const std::uint8_t* const visible = mask.data() + step * total;
        std::int32_t* const out = shift.data() + step * total;
        const std::int64_t query = data.n + step;
        std::int64_t after = 0; // keys of the cache between this one and the query, the query's own counted
        for (std::int64_t key = query; key >= 0; --key)
            if (visible[key]) {
                out[key] = static_cast<std::int32_t>(query - key - after);
                ++after;
            }
    }
    return shift;
}

} // namespace kvviz::compress
