// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A large array of a capture on its way to the file: matrices (the last two axes) under leading indices, in compressed
// chunks that the caller's OpenMP team makes and the writer's HDF5 thread stores. Internal to core/io.
#pragma once

#include "core/io/capture_layout.hpp"
#include "core/io/chunk_codec.hpp"
#include "core/io/h5_handle.hpp"
#include "core/io/io_thread.hpp"

#include <memory>
#include <vector>

namespace kvviz::io {

/// Rows of several matrices in memory, for one leading index.
struct MatrixRows {
    const float* data = nullptr;
    std::int64_t planes = 1; ///< matrices: the second axis of a 4-D array; 1 for a 3-D array
    std::int64_t planeStride = 0, rowStride = 0;
    std::int64_t rowBegin = 0; ///< row of the array where `data` goes; a multiple of the chunk's rows
    std::int64_t rows = 0;     ///< up to the end of a chunk or of the array
    std::int64_t columns = 0;  ///< valid columns; chunks beyond them are not written
    bool lowerTriangle = false; ///< leave out chunks wholly above the diagonal
};

class ChunkedArray {
public:
    struct Options {
        core::StorageType type = core::StorageType::float32;
        float padding = 0;           ///< also the fill value of what is never written
        bool growingColumns = false; ///< the last axis may be set later
        std::int64_t mostRows = 0, mostColumns = 0; ///< of a chunk; 0: about 64 Ki elements
    };

    /// Creates the dataset on the HDF5 thread.
    ChunkedArray(IoThread& thread, hid_t file, const ArraySpec& spec, const Options& options);
    ~ChunkedArray();
    ChunkedArray(const ChunkedArray&) = delete;
    ChunkedArray& operator=(const ChunkedArray&) = delete;

    /// Converts and compresses in parallel, queues the writes. Throws what the HDF5 thread met earlier.
    void write(std::int64_t slot, const MatrixRows& rows);
    /// On the HDF5 thread: the final extent of a growing last axis.
    void setColumns(std::int64_t columns);

    [[nodiscard]] const ArraySpec& spec() const { return m_spec; }
    [[nodiscard]] std::int64_t chunkRows() const { return static_cast<std::int64_t>(m_chunk[m_chunk.size() - 2]); }

private:
    void create(hid_t file);
    void writeChunk(std::int64_t slot, const MatrixRows& rows, std::int64_t plane, std::int64_t row,
                    std::int64_t column);

    IoThread& m_thread;
    ArraySpec m_spec;
    Options m_options;
    std::vector<hsize_t> m_dims, m_chunk;
    std::shared_ptr<Handle> m_dataset; ///< shared with the queued writes
};

} // namespace kvviz::io
