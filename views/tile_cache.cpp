// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/tile_cache.hpp"

#include "views/map_data.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace kvviz::plot {

namespace {

using core::Span;

/// Blocks that touch a range of tokens.
Span blocksOver(Span tokens, std::int64_t cell)
{
    const std::int64_t block = kBlockCells * cell;
    return {tokens.begin / block, (tokens.end + block - 1) / block};
}

std::size_t bytesOf(const io::MapTile& tile) { return tile.values.size() * sizeof(float); }

bool aboveDiagonal(CellSize size, std::int64_t row, std::int64_t column)
{
    return column * kBlockCells * size.key >= (row + 1) * kBlockCells * size.query;
}

} // namespace

TileCache::Key TileCache::keyOf(const MapSource& source, CellSize size, std::int64_t row, std::int64_t column)
{
    return {source.reader.get(), source.slot, source.heads, source.pooling, source.tokens, size, row, column};
}

std::shared_ptr<const io::MapTile> TileCache::find(const Key& key)
{
    const std::lock_guard lock(m_mutex);
    const auto place = m_places.find(key);
    if (place == m_places.end())
        return nullptr;
    if (place->second->reader.expired()) {
        erase(place->second);
        return nullptr;
    }
    m_entries.splice(m_entries.begin(), m_entries, place->second);
    return place->second->tile;
}

void TileCache::erase(std::list<Entry>::iterator entry)
{
    m_bytes -= bytesOf(*entry->tile);
    m_places.erase(entry->key);
    m_entries.erase(entry);
}

std::shared_ptr<const io::MapTile> TileCache::store(const MapSource& source, Key key, io::MapTile tile)
{
    auto shared = std::make_shared<const io::MapTile>(std::move(tile));
    const std::lock_guard lock(m_mutex);
    ++m_reads;
    if (const auto place = m_places.find(key); place != m_places.end())
        erase(place->second);
    m_bytes += bytesOf(*shared);
    m_entries.push_front({std::move(key), source.reader, shared});
    m_places[m_entries.front().key] = m_entries.begin();
    while (m_bytes > m_mostBytes && m_entries.size() > 1)
        erase(std::prev(m_entries.end()));
    return shared;
}

std::shared_ptr<const io::MapTile> TileCache::block(const MapSource& source, CellSize size, std::int64_t row,
                                                    std::int64_t column)
{
    const Key key = keyOf(source, size, row, column);
    if (auto found = find(key))
        return found;
    if (!isStoredLevel(source, size))
        return store(source, key, readBlock(source, size, row, column));
    std::shared_ptr<const io::MapTile> wanted;
    for (PlacedBlock& placed : readLevel(source, size)) {
        const bool isThis = placed.row == row && placed.column == column;
        auto stored = store(source, keyOf(source, size, placed.row, placed.column), std::move(placed.tile));
        if (isThis)
            wanted = std::move(stored);
    }
    return wanted;
}

std::optional<io::MapTile> TileCache::cells(const MapSource& source, CellSize size, Span queries, Span keys,
                                            const Stopped& stopped)
{
    const Span rows = blocksOver(queries, size.query), columns = blocksOver(keys, size.key);
    const auto cellsOf = [&](Span blocks, std::int64_t cell) {
        return (std::min(blocks.end * kBlockCells * cell, source.tokens) - blocks.begin * kBlockCells * cell + cell - 1)
               / cell;
    };
    io::MapTile whole;
    whole.rows = cellsOf(rows, size.query);
    whole.columns = cellsOf(columns, size.key);
    whole.queryBegin = static_cast<double>(rows.begin * kBlockCells * size.query);
    whole.queryEnd = whole.queryBegin + static_cast<double>(whole.rows * size.query);
    whole.keyBegin = static_cast<double>(columns.begin * kBlockCells * size.key);
    whole.keyEnd = whole.keyBegin + static_cast<double>(whole.columns * size.key);
    whole.values.assign(static_cast<std::size_t>(whole.rows * whole.columns), std::numeric_limits<float>::quiet_NaN());
    for (std::int64_t row = rows.begin; row < rows.end; ++row)
        for (std::int64_t column = columns.begin; column < columns.end; ++column) {
            if (aboveDiagonal(size, row, column))
                continue;
            if (stopped && stopped())
                return std::nullopt;
            const auto part = block(source, size, row, column);
            if (!part)
                continue;
            whole.source = part->source.empty() ? whole.source : part->source;
            const auto target = whole.values.begin() + (row - rows.begin) * kBlockCells * whole.columns
                                + (column - columns.begin) * kBlockCells;
            for (std::int64_t r = 0; r < part->rows; ++r)
                std::copy_n(part->values.begin() + r * part->columns, part->columns, target + r * whole.columns);
        }
    return whole;
}

bool TileCache::holds(const MapSource& source, CellSize size, Span queries, Span keys)
{
    const Span rows = blocksOver(queries, size.query), columns = blocksOver(keys, size.key);
    for (std::int64_t row = rows.begin; row < rows.end; ++row)
        for (std::int64_t column = columns.begin; column < columns.end; ++column)
            if (!aboveDiagonal(size, row, column) && !find(keyOf(source, size, row, column)))
                return false;
    return true;
}

std::shared_ptr<const io::MapTile> TileCache::decodeRows(const MapSource& source)
{
    const core::CaptureInfo& info = source.reader->info();
    if (info.nGenerated() == 0 || !core::includes(source.reader->available(), core::Need::decodeRows))
        return nullptr;
    const Key key = keyOf(source, {}, -1, -1);
    if (auto found = find(key))
        return found;
    return store(source, key,
                 decodeTile(source.reader->loadLayer(source.slot, core::Need::decodeRows), source.heads,
                            {0, info.nTokens()}, std::numeric_limits<std::int64_t>::max(), source.pooling));
}

std::size_t TileCache::bytes() const
{
    const std::lock_guard lock(m_mutex);
    return m_bytes;
}

std::int64_t TileCache::reads() const
{
    const std::lock_guard lock(m_mutex);
    return m_reads;
}

} // namespace kvviz::plot
