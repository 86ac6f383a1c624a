// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Turns float32 pieces into the bytes of an HDF5 chunk with the filters shuffle and deflate, off the HDF5 thread. Any
// zlib reads the result.
#pragma once

#include "core/capture_info.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace kvviz::io {

[[nodiscard]] constexpr int bytesOf(core::StorageType type) { return type == core::StorageType::float16 ? 2 : 4; }

/// A piece of a row-major float matrix that fills the corner of a chunk; the rest of the chunk is padding.
struct ChunkPiece {
    const float* data = nullptr;
    std::int64_t rowStride = 0;
    std::int64_t rows = 0, columns = 0;           ///< of the piece
    std::int64_t chunkRows = 0, chunkColumns = 0; ///< of the chunk
    float padding = 0;
};

/// Converted to `type` and byte-shuffled: all lowest bytes, then all next ones, ... (the filter H5Z_FILTER_SHUFFLE).
[[nodiscard]] std::vector<std::uint8_t> shuffledChunk(const ChunkPiece& piece, core::StorageType type);

/// A zlib stream of a shuffled chunk with `planes` planes (the filter H5Z_FILTER_DEFLATE).
[[nodiscard]] std::vector<std::uint8_t> zlibStream(std::span<const std::uint8_t> shuffled, int planes);

} // namespace kvviz::io
