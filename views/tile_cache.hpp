// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Blocks of cells that were read, so that neighbouring views read only what is new to them. The least recently used go
// when memory runs out. Thread-safe; reading itself is not locked.
#pragma once

#include "views/map_source.hpp"

#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>

namespace kvviz::plot {

class TileCache {
public:
    static constexpr std::size_t kMostBytes = std::size_t{64} << 20U;
    /// Asked between blocks: is the result still wanted?
    using Stopped = std::function<bool()>;

    explicit TileCache(std::size_t mostBytes = kMostBytes) : m_mostBytes(mostBytes) {}

    /// One tile of all blocks that touch queries x keys; nothing when stopped. Throws as readBlock().
    [[nodiscard]] std::optional<io::MapTile> cells(const MapSource& source, CellSize size, core::Span queries,
                                                   core::Span keys, const Stopped& stopped = {});
    /// Nothing of that would have to be read.
    [[nodiscard]] bool holds(const MapSource& source, CellSize size, core::Span queries, core::Span keys);
    /// Rows of all decode steps, exact, mean over the source's heads; null when the capture has none. [t, T]
    [[nodiscard]] std::shared_ptr<const io::MapTile> decodeRows(const MapSource& source);

    [[nodiscard]] std::size_t bytes() const;
    /// Blocks (and sets of decode rows) that were read so far.
    [[nodiscard]] std::int64_t reads() const;

private:
    /// Reader, slot, heads, pooling, tokens, size, row, column; row -1: the decode rows.
    using Key = std::tuple<const io::CaptureReader*, std::int64_t, std::vector<std::int64_t>, io::Pooling, std::int64_t,
                           CellSize, std::int64_t, std::int64_t>;
    struct Entry {
        Key key;
        std::weak_ptr<const io::CaptureReader> reader; ///< tells whether the address still means the same capture
        std::shared_ptr<const io::MapTile> tile;
    };
    [[nodiscard]] static Key keyOf(const MapSource& source, CellSize size, std::int64_t row, std::int64_t column);
    [[nodiscard]] std::shared_ptr<const io::MapTile> find(const Key& key);
    std::shared_ptr<const io::MapTile> store(const MapSource& source, Key key, io::MapTile tile);
    [[nodiscard]] std::shared_ptr<const io::MapTile> block(const MapSource& source, CellSize size, std::int64_t row,
                                                           std::int64_t column);
    void erase(std::list<Entry>::iterator entry);

    const std::size_t m_mostBytes;
    mutable std::mutex m_mutex;
    std::list<Entry> m_entries; ///< most recently used first
    std::map<Key, std::list<Entry>::iterator> m_places;
    std::size_t m_bytes = 0;
    std::int64_t m_reads = 0;
};

} // namespace kvviz::plot
