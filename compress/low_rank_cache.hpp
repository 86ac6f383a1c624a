// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A layer's keys and values through low-rank maps over all KV heads together, keys before RoPE: what LoRC and CSKV
// store.
#pragma once

#include "compress/method.hpp"
#include "core/rotary.hpp"

namespace kvviz::compress {

/// Where the directions come from.
enum class LowRankSource : std::uint8_t {
    weights,       ///< singular vectors of the projections (WeightFactors bases)
    scaledWeights, ///< the same scaled by activations (WeightFactors read and write)
    prompt         ///< of the captured prompt itself: no map of that rank does better on it
};

/// Why this source cannot be used on this capture, as half a sentence; empty: it can.
[[nodiscard]] std::string lowRankObstacle(const core::CaptureInfo& info, const core::ModelTables* tables,
                                          LowRankSource source);

struct LowRankForms {
    std::vector<float> key, value; // [G, T, d]
};
/// Throws Error(badInput) when the capture's model is not described or the tables do not fit the layer.
[[nodiscard]] LowRankForms lowRankForms(const LayerInput& input, std::string_view who, LowRankSource source,
                                        std::int64_t keyRank, std::int64_t valueRank);

/// [G, T, d] as one row a token, [T, G d]; with a rotation, taken off. And back.
[[nodiscard]] std::vector<float> rowsOfHeads(const core::LayerData& data, const std::vector<float>& heads,
                                             const core::Rotary* rotary);
[[nodiscard]] std::vector<float> headsOfRows(const core::LayerData& data, const std::vector<float>& rows,
                                             const core::Rotary* rotary);
/// The same with the angles of all positions at hand (core::Rotary::table); ropeDim 0: no rotation.
[[nodiscard]] std::vector<float> headsOfRows(const core::LayerData& data, const std::vector<float>& rows,
                                             const std::vector<float>& angles, int ropeDim);

} // namespace kvviz::compress
