// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How large a capture will be, before anything runs.
#pragma once

#include "core/capture_info.hpp"

#include <array>

namespace kvviz::capture {

struct SizeQuestion {
    std::int64_t layers = 0, heads = 0, kvHeads = 0, headDim = 0;
    std::int64_t n = 0, t = 0, window = 0, mapCap = 0, topK = 0;
    std::int64_t fullRows = 0; ///< prompt queries kept by the full tier
    std::int64_t candidates = 0; ///< of the readout; 0: none
    core::StorageType rowsType{}, cacheType{}, mapType{};
};

/// Uncompressed bytes of each tier (stats, cache, map, full), each including the ones before: an upper bound, since
/// chunks are compressed. Map and full count only the chunks that touch the causal triangle.
[[nodiscard]] std::array<std::uint64_t, 4> estimateBytes(const SizeQuestion& question);

/// What recorders of a capture keep in memory until it is written: its arrays up to the caches, and half as much again
/// since they grow. Maps are written as they come.
[[nodiscard]] std::uint64_t keptBytes(const SizeQuestion& question, core::Tier tier);

/// Numbers of one layer; biases and norms, which are few, are left out.
[[nodiscard]] std::uint64_t layerWeightCount(const core::ModelInfo& info, std::int64_t ffnSize);
/// Numbers of a decoder with these sizes; biases and norms, which are few, are left out.
[[nodiscard]] std::uint64_t weightCount(const core::ModelInfo& info, std::int64_t ffnSize, bool tied);

/// What a run of `tokens` tokens (prompt and continuation) takes beside the weights, in float32, on the CPU: keys and
/// values, the residual stream, one layer's queries and outputs, one block of attention rows, statistics of a layer, and
/// the product with the vocabulary, for which the library keeps a second result and its own copy of the matrix.
[[nodiscard]] std::uint64_t runBytes(const core::ModelInfo& info, std::int64_t ffnSize, std::int64_t tokens);

/// The longest run, up to a context of `most` tokens, for which fits(tokens) holds; 0: none. What fits must fit when it is
/// shorter, too.
template <typename Fits> [[nodiscard]] std::int64_t longestRun(std::int64_t most, Fits&& fits)
{
    std::int64_t longest = 0;
    for (std::int64_t step = std::int64_t{1} << 30; step > 0; step /= 2)
        if (longest + step <= most && fits(longest + step))
            longest += step;
    return longest;
}

} // namespace kvviz::capture
