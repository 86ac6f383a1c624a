// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/map_source.hpp"

#include "core/pooling.hpp"
#include "views/map_data.hpp"
#include "views/map_image.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace kvviz::plot {

namespace {

using core::Span;

std::int64_t ceilDivide(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

std::int64_t levelCell(const io::CaptureReader& reader, int level)
{
    return core::MapPyramid::levelCellSize(reader.info().nPrompt(), reader.mapCells(0), level);
}

/// Smallest cell of a pyramid that stands beside exact rows and can replace them; 0: there is none.
std::int64_t storedCell(const std::vector<MapSource>& sources)
{
    std::int64_t cell = 0;
    for (const MapSource& source : sources) {
        const io::CaptureReader& reader = *source.reader;
        if (!reader.hasFullMap())
            continue;
        const bool usable = reader.mapLevels() > 0 && source.tokens == reader.info().nPrompt();
        if (!usable || (cell > 0 && levelCell(reader, 0) != cell))
            return 0;
        cell = levelCell(reader, 0);
    }
    return cell;
}

std::int64_t commonUnit(const std::vector<MapSource>& sources)
{
    std::int64_t unit = 1;
    for (const MapSource& source : sources)
        unit = std::lcm(unit, source.unit());
    return unit;
}

/// The largest of first, 2 first, 4 first, ... that is not above `wanted`.
std::int64_t doubledUpTo(std::int64_t first, double wanted)
{
    std::int64_t size = first;
    while (static_cast<double>(2 * size) <= wanted)
        size *= 2;
    return size;
}

std::int64_t coarsestStored(const std::vector<MapSource>& sources, std::int64_t first)
{
    std::int64_t most = std::numeric_limits<std::int64_t>::max();
    for (const MapSource& source : sources)
        if (source.reader->hasFullMap())
            most = std::min(most, first << (source.reader->mapLevels() - 1));
    return most;
}

/// Whole cells, then what is left of a last one: only so are all cells of one size.
std::vector<Span> wholeAndRest(Span tokens, std::int64_t cell)
{
    const std::int64_t border = tokens.begin + tokens.size() / cell * cell;
    std::vector<Span> parts;
    for (const Span part : {Span{tokens.begin, border}, Span{border, tokens.end}})
        if (!part.empty())
            parts.push_back(part);
    return parts;
}

Span blockSpan(std::int64_t index, std::int64_t cell, std::int64_t tokens)
{
    return {index * kBlockCells * cell, std::min((index + 1) * kBlockCells * cell, tokens)};
}

io::MapTile emptyTile(Span queries, Span keys, CellSize size)
{
    io::MapTile tile;
    tile.rows = ceilDivide(queries.size(), size.query);
    tile.columns = ceilDivide(keys.size(), size.key);
    tile.queryBegin = static_cast<double>(queries.begin);
    tile.queryEnd = static_cast<double>(queries.begin + tile.rows * size.query);
    tile.keyBegin = static_cast<double>(keys.begin);
    tile.keyEnd = static_cast<double>(keys.begin + tile.columns * size.key);
    tile.values.assign(static_cast<std::size_t>(tile.rows * tile.columns), std::numeric_limits<float>::quiet_NaN());
    return tile;
}

} // namespace

Span MapSource::queries() const
{
    const core::CaptureInfo& info = reader->info();
    const bool onlyWindow = !reader->hasFullMap() && reader->mapLevels() == 0;
    return {onlyWindow ? info.nPrompt() - info.window : 0, tokens};
}

std::int64_t MapSource::unit() const
{
    return reader->hasFullMap() || reader->mapLevels() == 0 ? 1 : levelCell(*reader, 0);
}

CellSize cellSizeFor(const std::vector<MapSource>& sources, double queriesPerPixel, double keysPerPixel)
{
    const std::int64_t unit = commonUnit(sources), stored = storedCell(sources);
    const auto along = [&](double wanted) {
        if (stored == 0 || static_cast<double>(stored) > 2 * wanted)
            return doubledUpTo(unit, wanted);
        return std::min(doubledUpTo(std::max(unit, stored), wanted), coarsestStored(sources, stored));
    };
    CellSize size{along(queriesPerPixel), along(keysPerPixel)};
    if (stored > 0 && std::min(size.query, size.key) >= stored) // stored levels have square cells
        size.query = size.key = std::min(size.query, size.key);
    return size;
}

bool hasOverview(const std::vector<MapSource>& sources)
{
    return storedCell(sources) > 0 || std::none_of(sources.begin(), sources.end(), [](const MapSource& source) {
               return source.reader->hasFullMap();
           });
}

CellSize overviewSize(const std::vector<MapSource>& sources, std::int64_t most)
{
    const std::int64_t stored = storedCell(sources);
    const std::int64_t first = std::max(commonUnit(sources), stored);
    const auto along = [&](std::int64_t tokens) {
        std::int64_t size = first;
        while (ceilDivide(tokens, size) > most)
            size *= 2;
        return stored > 0 ? std::min(size, coarsestStored(sources, stored)) : size;
    };
    std::int64_t rows = 1;
    for (const MapSource& source : sources)
        rows = std::max(rows, source.queries().size());
    return {along(rows), along(sources.front().tokens)};
}

io::MapTile readBlock(const MapSource& source, CellSize size, std::int64_t row, std::int64_t column)
{
    const Span queries = blockSpan(row, size.query, source.tokens), keys = blockSpan(column, size.key, source.tokens);
    io::MapTile block = emptyTile(queries, keys, size);
    for (const Span queryPart : wholeAndRest(queries, size.query))
        for (const Span keyPart : wholeAndRest(keys, size.key)) {
            if (keyPart.begin >= queryPart.end)
                continue; // above the diagonal
            std::vector<io::MapTile> tiles;
            for (const std::int64_t head : source.heads)
                tiles.push_back(source.reader->tile(source.slot, head, queryPart, keyPart,
                                                    ceilDivide(queryPart.size(), size.query),
                                                    ceilDivide(keyPart.size(), size.key), source.pooling));
            const io::MapTile mean = meanTile(std::move(tiles));
            block.source = mean.source;
            const std::int64_t top = (queryPart.begin - queries.begin) / size.query;
            const std::int64_t left = (keyPart.begin - keys.begin) / size.key;
            for (std::int64_t r = 0; r < mean.rows; ++r)
                std::copy_n(mean.values.begin() + r * mean.columns, mean.columns,
                            block.values.begin() + (top + r) * block.columns + left);
        }
    return block;
}

bool isStoredLevel(const MapSource& source, CellSize size)
{
    const std::int64_t stored = storedCell({source});
    return stored > 0 && size.query == size.key && size.query >= stored;
}

std::vector<PlacedBlock> readLevel(const MapSource& source, CellSize size)
{
    int level = 0;
    while (levelCell(*source.reader, level) < size.query)
        ++level;
    std::vector<io::MapTile> tiles;
    for (const std::int64_t head : source.heads)
        tiles.push_back(source.reader->mapLevel(source.slot, head, level, source.pooling));
    io::MapTile whole = meanTile(std::move(tiles));
    whole.queryEnd = whole.keyEnd = static_cast<double>(whole.rows * size.query);
    std::vector<PlacedBlock> blocks;
    const std::int64_t count = ceilDivide(whole.rows, kBlockCells);
    for (std::int64_t row = 0; row < count; ++row)
        for (std::int64_t column = 0; column <= row; ++column)
            blocks.push_back({row, column,
                              croppedTile(whole, blockSpan(row, size.query, whole.rows * size.query),
                                          blockSpan(column, size.key, whole.columns * size.key))});
    return blocks;
}

} // namespace kvviz::plot
