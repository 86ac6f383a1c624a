// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Sums over chosen keys for all decode queries of a KV head: attention mass, and attention times value as a blocked
// matrix product.
#pragma once

#include "core/capture_source.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace kvviz::compress {

/// Restricts each decode query to the keys whose mask entry equals `wanted`.
struct QueryMask {
    const std::uint8_t* entries = nullptr; // [t, T]; null: every chosen key counts for every query
    std::uint8_t wanted = 1;
};

struct ColumnSums {
    std::vector<double> mass, nonSink; // [R, t]; nonSink over keys >= sinkTokens
    std::vector<float> output;         // [R, t, d]; empty unless wanted
};

/// Rows of query heads R*kvHead.. in order, over the given keys (ascending).
[[nodiscard]] ColumnSums sumColumns(const core::LayerData& data, int kvHead, std::span<const std::int32_t> keys,
                                    QueryMask mask, int sinkTokens, bool wantOutput);

} // namespace kvviz::compress
