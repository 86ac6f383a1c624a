// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Which layers use the cache of another one (KVSharer, methods.md 6.1): distances, their ranking, chains.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kvviz::compress {

/// Mean length of the differences between vectors of `width` channels.
[[nodiscard]] double meanDistance(std::span<const float> a, std::span<const float> b, int width);

struct SharedLayer {
    int layer = 0, source = 0; ///< source < layer
    friend bool operator==(const SharedLayer&, const SharedLayer&) = default;
};
/// Replacements by descending distance [layers, layers] (the lower triangle counts), each layer once; ties: lower
/// layer, then lower source. NaN last.
[[nodiscard]] std::vector<SharedLayer> sharingOrder(std::span<const double> distance, int layers);

/// Whose cache each layer uses after these replacements, chains followed to their root. [layers]
[[nodiscard]] std::vector<int> sharingSources(std::span<const SharedLayer> replacements, int layers);

} // namespace kvviz::compress
