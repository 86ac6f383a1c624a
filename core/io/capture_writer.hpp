// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Writes one capture file (format 1.1, docs/format.md) while the model runs: map chunks as they come, the rest at the
// end. Everything goes to PATH.part, which is renamed to PATH only by finish(); the destructor removes an unfinished
// .part. All HDF5 calls are made by one thread of the writer's own; chunks are converted and compressed in parallel by
// the caller's OpenMP team, so compute and write overlap.
#pragma once

#include "core/capture_info.hpp"

#include <filesystem>
#include <memory>
#include <span>

namespace kvviz::io {

struct WriterOptions {
    core::StorageType rowsType = core::StorageType::float16;
    core::StorageType cacheType = core::StorageType::float16;
    core::StorageType mapType = core::StorageType::float16;
    bool force = false; ///< overwrite an existing file
    std::string partWriter; ///< partWriterName() where several machines may write the folder: a part of its own, with heartbeat
    int mapLevels = 0;  ///< number of pyramid levels (map tier)
    std::int64_t mapCells = 0; ///< cells a side of level 0
    std::vector<std::int64_t> fullQueries; ///< prompt queries kept by the full tier, ascending; empty = all
};

/// Side of the square chunks of /map arrays; rows handed to writeFullRows start at multiples of it.
inline constexpr std::int64_t kMapChunk = 256;

class CaptureWriter {
public:
    /// `info` may still lack tokens, segments and nGenerated (given to finish). Throws Error: failure when the file
    /// exists without `force`, or the folder cannot be written.
    CaptureWriter(const std::filesystem::path& path, const core::CaptureInfo& info, const WriterOptions& options);
    ~CaptureWriter();
    CaptureWriter(const CaptureWriter&) = delete;
    CaptureWriter& operator=(const CaptureWriter&) = delete;

    /// Full tier: attention rows [H, rows, keys] of queries [queryBegin, queryBegin + rows) of layer `slot`; element
    /// (h, i, k) at rows[h * headStride + i * rowStride + k], keys = queryBegin + rows valid columns (causal; entries
    /// above the diagonal must be 0). Without fullQueries, queryBegin must be a multiple of kMapChunk and rows must be
    /// kMapChunk but for the last block. With fullQueries the writer picks its rows out of the block.
    void writeFullRows(std::int64_t slot, std::int64_t queryBegin, std::int64_t rows, const float* data,
                       std::int64_t headStride, std::int64_t rowStride);

    /// Map tier: one level of one layer's pyramid, max and mean [H, r, c] (r = c = cells of that level).
    void writeMapLevel(std::int64_t slot, int level, std::int64_t cells, std::span<const float> max,
                       std::span<const float> mean);

    /// Final arrays of a layer; shapes as in core::LayerData (t, T final by now). Empty vectors are skipped.
    void writeLayer(std::int64_t slot, const struct LayerArrays& arrays);

    /// Per-token results: logprob[T] (NaN where unknown; token 0 always), top_id and top_logprob [T, k] of the token
    /// that follows each position (id -1, NaN where unknown).
    void writeLogits(std::span<const float> logprob, std::span<const std::int32_t> topId,
                     std::span<const float> topLogprob, int k);

    /// Before the first layer with a readout: the candidates of every decode query (core::ReadoutTokens).
    void writeReadout(std::span<const std::int32_t> ids, std::span<const float> logprob, std::int64_t candidates);

    /// Writes attributes, prompt, tokens, segments and dimension scales from the final `info`, then complete = 1,
    /// flush, fsync, close, rename. Any failure before throws Error and leaves no file under the final name; so does an
    /// array that the tier promises and nobody wrote.
    void finish(const core::CaptureInfo& info);

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

/// What writeLayer takes; views into the caller's memory, shapes as in core::LayerData.
struct LayerArrays {
    std::span<const float> received, receivedWindow, receivedSq, receivedSqFar, entropy, sinkMass; // [H, T]
    std::span<const float> queryMean;       // [H, d]
    std::span<const float> queryCovariance; // [H, d, d]
    std::span<const float> windowRows; // [H, W, n]
    std::span<const float> decodeRows; // [H, t, T]
    std::span<const float> key, value; // [G, T, d]
    std::span<const float> query;      // [H, W+t, d]
    std::span<const float> readout;    // [H, t, c, d]; only after writeReadout
    std::span<const float> written;    // [H, t] likewise
    std::int64_t nGenerated = 0;       ///< t
};

} // namespace kvviz::io
