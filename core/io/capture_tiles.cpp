// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Pieces of attention maps from the best source a capture has: exact rows in bands, the pyramid, the window rows.
#include "core/io/open_capture.hpp"

#include "core/io/capture_writer.hpp"
#include "core/io/h5_values.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvviz::io {

using core::Error;
using core::ErrorCode;
using core::Span;

namespace {

struct TileRequest {
    std::int64_t slot, head;
    Span queries, keys;
    std::int64_t maxRows, maxColumns;
    Pooling pooling;
};

MapTile pooledTile(const TileRequest& request, const core::TilePooler& pooler, std::string source)
{
    MapTile tile;
    tile.rows = pooler.rows();
    tile.columns = pooler.columns();
    tile.values = pooler.result();
    tile.queryBegin = static_cast<double>(request.queries.begin);
    tile.queryEnd = static_cast<double>(request.queries.end);
    tile.keyBegin = static_cast<double>(request.keys.begin);
    tile.keyEnd = static_cast<double>(request.keys.end);
    tile.source = std::move(source);
    return tile;
}

} // namespace

int CaptureReader::mapLevels() const { return static_cast<int>(m_capture->sizes.levelCells.size()); }

std::int64_t CaptureReader::mapCells(int level) const
{
    if (level < 0 || level >= mapLevels())
        throw Error(ErrorCode::usage, fmt::format("{}: there is no map level {}; the capture holds {}",
                                                  m_capture->where, level, mapLevels()));
    return m_capture->sizes.levelCells[static_cast<std::size_t>(level)];
}

bool CaptureReader::hasFullMap() const { return m_capture->hasFull; }

MapTile CaptureReader::mapLevel(std::int64_t slot, std::int64_t head, int level, Pooling pooling) const
{
    const OpenCapture& capture = *m_capture;
    const std::int64_t cells = mapCells(level);
    capture.requireSlot(slot, head);
    return guarded(capture.where, [&] {
        const std::string path = path::level(level, pooling == Pooling::max ? "max" : "mean");
        MapTile tile;
        tile.rows = tile.columns = cells;
        tile.values = capture.readRows(capture.open(path).get(), path, slot, head, {0, cells}, {0, cells});
        tile.queryEnd = tile.keyEnd = static_cast<double>(capture.sizes.n);
        tile.source = fmt::format("level {}", level);
        return tile;
    });
}

namespace {

/// Feeds stored rows (row i of the dataset is query queries[i]) to a pooler, a chunk row at a time.
void poolRows(const OpenCapture& capture, const char* path, const TileRequest& request,
              const std::vector<std::int64_t>& queries, core::TilePooler& pooler)
{
    const Handle dataset = capture.open(path);
    const auto first = std::lower_bound(queries.begin(), queries.end(), request.queries.begin) - queries.begin();
    const auto last = std::lower_bound(queries.begin(), queries.end(), request.queries.end) - queries.begin();
    for (std::int64_t band = first; band < last;) {
        const std::int64_t end = std::min<std::int64_t>(last, (band / kMapChunk + 1) * kMapChunk);
        const Span keys{request.keys.begin, std::min(request.keys.end, queries[static_cast<std::size_t>(end - 1)] + 1)};
        if (!keys.empty()) {
            const std::vector<float> rows =
                capture.readRows(dataset.get(), path, request.slot, request.head, {band, end}, keys);
            for (std::int64_t i = band; i < end; ++i)
                pooler.addRow(queries[static_cast<std::size_t>(i)], rows.data() + (i - band) * keys.size());
        }
        band = end;
    }
}

/// Cells of level 0 that touch the request, pooled further to what was asked for; means weigh their causal entries.
MapTile poolCells(const OpenCapture& capture, const TileRequest& request)
{
    const std::int64_t cells = capture.sizes.levelCells[0], n = capture.sizes.n;
    const std::int64_t cellSize = core::MapPyramid::levelCellSize(n, cells, 0);
    const Span rows{request.queries.begin / cellSize, (request.queries.end + cellSize - 1) / cellSize};
    const Span columns{request.keys.begin / cellSize, (request.keys.end + cellSize - 1) / cellSize};
    const bool max = request.pooling == Pooling::max;
    const std::string path = path::level(0, max ? "max" : "mean");
    const std::vector<float> values =
        capture.readRows(capture.open(path).get(), path, request.slot, request.head, rows, columns);
    const core::Bins rowBins = core::Bins::over(rows.size(), request.maxRows);
    const core::Bins columnBins = core::Bins::over(columns.size(), request.maxColumns);

    MapTile tile;
    tile.rows = rowBins.count;
    tile.columns = columnBins.count;
    const auto count = static_cast<std::size_t>(tile.rows * tile.columns);
    tile.values.assign(count, 0.0f);
    std::vector<double> sums(count, 0.0), weights(count, 0.0);
    for (std::int64_t i = 0; i < rows.size(); ++i) {
        for (std::int64_t j = 0; j < columns.size(); ++j) {
            const std::int64_t entries = core::causalEntries(rows.begin + i, columns.begin + j, cellSize, n);
            const float value = values[static_cast<std::size_t>(i * columns.size() + j)];
            const auto cell = static_cast<std::size_t>(i / rowBins.size * tile.columns + j / columnBins.size);
            if (entries == 0)
                continue;
            tile.values[cell] = std::max(tile.values[cell], value);
            sums[cell] += static_cast<double>(value) * static_cast<double>(entries);
            weights[cell] += static_cast<double>(entries);
        }
    }
    for (std::size_t cell = 0; cell < count; ++cell)
        if (weights[cell] == 0)
            tile.values[cell] = std::numeric_limits<float>::quiet_NaN();
        else if (!max)
            tile.values[cell] = static_cast<float>(sums[cell] / weights[cell]);
    tile.queryBegin = static_cast<double>(rows.begin * cellSize);
    tile.queryEnd = static_cast<double>(std::min(rows.end * cellSize, n));
    tile.keyBegin = static_cast<double>(columns.begin * cellSize);
    tile.keyEnd = static_cast<double>(std::min(columns.end * cellSize, n));
    tile.source = "level 0";
    return tile;
}

} // namespace

MapTile CaptureReader::tile(std::int64_t slot, std::int64_t head, Span queries, Span keys, std::int64_t maxRows,
                            std::int64_t maxColumns, Pooling pooling) const
{
    const OpenCapture& capture = *m_capture;
    capture.requireSlot(slot, head);
    if (queries.begin < 0 || keys.begin < 0 || queries.empty() || keys.empty() || queries.end > capture.sizes.n
        || keys.end > capture.sizes.n || maxRows < 1 || maxColumns < 1)
        throw Error(ErrorCode::usage,
                    fmt::format("{}: queries {}-{} and keys {}-{} are not a piece of the {} prompt tokens",
                                capture.where, queries.begin, queries.end, keys.begin, keys.end, capture.sizes.n));
    return guarded(capture.where, [&] {
        const TileRequest request{slot, head, queries, keys, maxRows, maxColumns, pooling};
        if (!capture.hasFull && mapLevels() > 0)
            return poolCells(capture, request);
        if (capture.hasFull) {
            core::TilePooler pooler(queries, keys, maxRows, maxColumns, pooling);
            poolRows(capture, path::full, request, capture.sizes.fullQueries, pooler);
            const bool allRows = std::ssize(capture.sizes.fullQueries) == capture.sizes.n;
            return pooledTile(request, pooler, allRows ? "full" : "full (chosen queries)");
        }
        if (!hasDataset(capture.root.get(), path::windowRows))
            throw Error(ErrorCode::badInput,
                        fmt::format("{}: a capture of tier {} holds no attention rows; capture with --tier map or full",
                                    capture.where, tierName(capture.info.tier)));
        std::vector<std::int64_t> windowQueries;
        for (std::int64_t query = capture.sizes.n - capture.sizes.window; query < capture.sizes.n; ++query)
            windowQueries.push_back(query);
        core::TilePooler pooler(queries, keys, maxRows, maxColumns, pooling);
        poolRows(capture, path::windowRows, request, windowQueries, pooler);
        return pooledTile(request, pooler, "window rows");
    });
}

} // namespace kvviz::io
