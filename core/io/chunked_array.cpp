// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Chunk shapes, dataset creation and the parallel loop over chunks.
#include "core/io/chunked_array.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

namespace kvviz::io {
namespace {

using core::ErrorCode;

constexpr std::int64_t kChunkElements = 65536;
constexpr unsigned kDeflateLevel = 1; ///< said in the file; the chunks come ready made

/// Square-ish chunks of the last two axes, wider where the rows are few.
std::vector<hsize_t> chunkShape(const std::vector<hsize_t>& dims, std::int64_t mostRows, std::int64_t mostColumns)
{
    const auto rows = static_cast<std::int64_t>(dims[dims.size() - 2]);
    const auto columns = static_cast<std::int64_t>(dims[dims.size() - 1]);
    std::int64_t c = std::min<std::int64_t>(columns, 256);
    std::int64_t r = std::min(rows, kChunkElements / c);
    c = std::min(columns, std::max(c, kChunkElements / r));
    if (mostRows > 0 && mostColumns > 0) {
        r = std::min(rows, mostRows);
        c = std::min(columns, mostColumns);
    }
    std::vector<hsize_t> chunk(dims.size(), 1);
    chunk[dims.size() - 2] = static_cast<hsize_t>(r);
    chunk[dims.size() - 1] = static_cast<hsize_t>(c);
    return chunk;
}

} // namespace

ChunkedArray::ChunkedArray(IoThread& thread, hid_t file, const ArraySpec& spec, const Options& options)
    : m_thread(thread), m_spec(spec), m_options(options), m_dims(spec.shape())
{
    m_chunk = chunkShape(m_dims, options.mostRows, options.mostColumns);
    m_dataset = std::make_shared<Handle>();
    m_thread.call([this, file] { create(file); });
}

ChunkedArray::~ChunkedArray()
{
    // After an error even closing may fail; the file will be abandoned with all that is open in it.
    const bool failed = m_thread.failed();
    m_thread.callAlways([this, failed] {
        if (failed)
            (void)m_dataset->release();
        else
            m_dataset->reset();
    });
}

void ChunkedArray::create(hid_t file)
{
    const H5Lock lock;
    const std::string what = fmt::format("cannot create /{}", m_spec.path);
    std::vector<hsize_t> most = m_dims;
    if (m_options.growingColumns)
        most.back() = H5S_UNLIMITED;
    const Handle space = checked(H5Screate_simple(static_cast<int>(m_dims.size()), m_dims.data(), most.data()),
                                 ErrorCode::failure, what);
    const Handle creation(H5Pcreate(H5P_DATASET_CREATE));
    check(H5Pset_chunk(creation.get(), static_cast<int>(m_chunk.size()), m_chunk.data()), ErrorCode::failure, what);
    check(H5Pset_shuffle(creation.get()), ErrorCode::failure, what);
    check(H5Pset_deflate(creation.get(), kDeflateLevel), ErrorCode::failure, what);
    check(H5Pset_fill_value(creation.get(), H5T_NATIVE_FLOAT, &m_options.padding), ErrorCode::failure, what);
    const Handle type = m_options.type == core::StorageType::float16 ? halfType() : Handle(H5Tcopy(H5T_IEEE_F32LE));
    *m_dataset = checked(H5Dcreate2(file, m_spec.path.c_str(), type.get(), space.get(), linkCreation().get(),
                                    creation.get(), H5P_DEFAULT),
                         ErrorCode::failure, what);
}

void ChunkedArray::setColumns(std::int64_t columns)
{
    const H5Lock lock;
    m_dims.back() = static_cast<hsize_t>(columns);
    m_spec.axes.back().size = columns;
    check(H5Dset_extent(m_dataset->get(), m_dims.data()), ErrorCode::failure,
          fmt::format("cannot set the extent of /{}", m_spec.path));
}

void ChunkedArray::write(std::int64_t slot, const MatrixRows& rows)
{
    const auto chunkColumns = static_cast<std::int64_t>(m_chunk.back());
    const std::int64_t rowChunks = (rows.rows + chunkRows() - 1) / chunkRows();
    const std::int64_t columnChunks = (rows.columns + chunkColumns - 1) / chunkColumns;
    const std::int64_t chunks = rows.planes * rowChunks * columnChunks;
    std::exception_ptr error;
#pragma omp parallel for schedule(dynamic)
    for (std::int64_t i = 0; i < chunks; ++i) {
        try { // an exception must not leave a parallel region
            const std::int64_t row = i / columnChunks % rowChunks * chunkRows();
            const std::int64_t column = i % columnChunks * chunkColumns;
            if (!rows.lowerTriangle || column < rows.rowBegin + row + chunkRows())
                writeChunk(slot, rows, i / (columnChunks * rowChunks), row, column);
        } catch (...) {
#pragma omp critical(kvvizChunkError)
            error = std::current_exception();
        }
    }
    if (error)
        std::rethrow_exception(error);
}

void ChunkedArray::writeChunk(std::int64_t slot, const MatrixRows& rows, std::int64_t plane, std::int64_t row,
                              std::int64_t column)
{
    ChunkPiece piece;
    piece.data = rows.data + plane * rows.planeStride + row * rows.rowStride + column;
    piece.rowStride = rows.rowStride;
    piece.chunkRows = chunkRows();
    piece.chunkColumns = static_cast<std::int64_t>(m_chunk.back());
    piece.rows = std::min(piece.chunkRows, rows.rows - row);
    piece.columns = std::min(piece.chunkColumns, rows.columns - column);
    piece.padding = m_options.padding;
    const auto bytes = std::make_shared<const std::vector<std::uint8_t>>(
        zlibStream(shuffledChunk(piece, m_options.type), bytesOf(m_options.type)));
    std::vector<hsize_t> offset(m_dims.size(), 0);
    offset[0] = static_cast<hsize_t>(slot);
    if (offset.size() > 3)
        offset[1] = static_cast<hsize_t>(plane);
    offset[offset.size() - 2] = static_cast<hsize_t>(rows.rowBegin + row);
    offset[offset.size() - 1] = static_cast<hsize_t>(column);
    m_thread.post(
        [dataset = m_dataset, bytes, offset, path = m_spec.path] {
            const H5Lock lock;
            check(H5Dwrite_chunk(dataset->get(), H5P_DEFAULT, 0, offset.data(), bytes->size(), bytes->data()),
                  ErrorCode::failure, fmt::format("cannot write a chunk of /{}", path));
        },
        bytes->size());
}

} // namespace kvviz::io
