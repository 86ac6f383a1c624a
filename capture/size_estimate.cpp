// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Sizes from shapes; the numbers of docs/format.md.
#include "capture/size_estimate.hpp"

#include "core/io/capture_writer.hpp"
#include "core/pooling.hpp"

namespace kvviz::capture {
namespace {

std::uint64_t elementSize(core::StorageType type) { return type == core::StorageType::float16 ? 2 : 4; }

/// Elements of the chunks of a square causal map, `cells` a side, that are written: those not wholly above the
/// diagonal.
std::uint64_t causalChunkElements(std::int64_t cells)
{
    const std::int64_t side = std::min(cells, io::kMapChunk);
    const std::int64_t chunks = (cells + side - 1) / side;
    return static_cast<std::uint64_t>(chunks * (chunks + 1) / 2 * side * side);
}

} // namespace

std::array<std::uint64_t, 4> estimateBytes(const SizeQuestion& q)
{
    const auto u = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
    const std::uint64_t maps = u(q.layers) * u(q.heads);
    const std::int64_t total = q.n + q.t;
    std::array<std::uint64_t, 4> bytes{};
    // Six float32 statistics; per token the id, offset, some 24 bytes of text, and top-k ids and log-probabilities.
    bytes[0] = maps * u(total) * 6 * 4 + u(total) * (4 + 8 + 24 + 4 + u(q.topK) * 8) + 20000;
    const std::uint64_t rows = maps * (u(q.window) * u(q.n) + u(q.t) * u(total));
    const std::uint64_t cache = u(q.layers) * 2 * u(q.kvHeads) * u(total) * u(q.headDim)
                                + maps * u(q.window + q.t) * u(q.headDim);
    const std::uint64_t queryStats = maps * u(q.headDim) * (1 + u(q.headDim)) * 4; // mean and covariance, float32
    const std::uint64_t readout = q.candidates > 0
                                      ? maps * u(q.t) * (u(q.candidates * q.headDim) * elementSize(q.cacheType) + 4)
                                            + u(q.t * q.candidates) * 8
                                      : 0;
    bytes[1] = bytes[0] + rows * elementSize(q.rowsType) + cache * elementSize(q.cacheType) + queryStats + readout;
    std::uint64_t cells = 0;
    for (int level = 0; level < core::MapPyramid::levelCount(q.n, q.mapCap); ++level)
        cells += 2 * causalChunkElements(core::MapPyramid::levelCells(q.n, q.mapCap, level));
    bytes[2] = bytes[1] + maps * cells * elementSize(q.mapType);
    const std::uint64_t fullElements = q.fullRows < q.n ? u(q.fullRows) * u(q.n) : causalChunkElements(q.n);
    bytes[3] = bytes[2] + maps * fullElements * elementSize(q.mapType);
    return bytes;
}

std::uint64_t keptBytes(const SizeQuestion& question, core::Tier tier)
{
    return estimateBytes(question)[static_cast<std::size_t>(std::min(tier, core::Tier::cache))] / 2 * 3;
}

std::uint64_t layerWeightCount(const core::ModelInfo& info, std::int64_t ffnSize)
{
    const std::int64_t hidden = info.hiddenSize, queries = std::int64_t{info.nHeads} * info.headDim;
    const std::int64_t keys = std::int64_t{info.nKvHeads} * info.headDim;
    return static_cast<std::uint64_t>(hidden * (2 * queries + 2 * keys) + 3 * hidden * ffnSize);
}

std::uint64_t weightCount(const core::ModelInfo& info, std::int64_t ffnSize, bool tied)
{
    return static_cast<std::uint64_t>(info.nLayers) * layerWeightCount(info, ffnSize)
           + static_cast<std::uint64_t>((tied ? 1 : 2) * std::int64_t{info.hiddenSize} * info.vocabSize);
}

std::uint64_t runBytes(const core::ModelInfo& info, std::int64_t ffnSize, std::int64_t tokens)
{
    constexpr std::int64_t kChunkRows = 512; // of projections, and of logits
    const std::int64_t heads = info.nHeads, d = info.headDim, hidden = info.hiddenSize;
    const std::int64_t rows = std::min(tokens, kChunkRows);
    const std::int64_t cache = 2 * std::int64_t{info.nLayers} * info.nKvHeads * d * tokens;
    const std::int64_t stream = tokens * (hidden + 2 * heads * d);
    const std::int64_t scratch = rows * (2 * hidden + (heads + 2 * info.nKvHeads) * d + 3 * ffnSize + 2 * std::int64_t{info.vocabSize})
                                 + hidden * info.vocabSize;
    const std::int64_t attention = heads * tokens * (io::kMapChunk + 6 + 4 * io::kMapChunk / 64);
    return static_cast<std::uint64_t>(4 * (cache + stream + scratch + attention));
}

} // namespace kvviz::capture
