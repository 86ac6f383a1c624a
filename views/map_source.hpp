// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One attention map of a capture as a source of cells: which sizes its cells can have, and what a block of them holds,
// from the stored pyramid where that is fine enough and else from exact rows.
#pragma once

#include "core/io/capture_reader.hpp"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace kvviz::plot {

/// Tokens a cell stands for, along both axes.
struct CellSize {
    std::int64_t query = 1, key = 1;
    friend auto operator<=>(const CellSize&, const CellSize&) = default;
};

/// Cells a side of a block. A block of exact rows is as large as the chunks they are stored in.
inline constexpr std::int64_t kBlockCells = 256;

struct MapSource {
    std::shared_ptr<const io::CaptureReader> reader;
    std::int64_t slot = 0;
    std::vector<std::int64_t> heads; ///< slots; their mean is shown
    io::Pooling pooling = io::Pooling::max;
    std::int64_t tokens = 0; ///< of the prompt that are looked at: all, or fewer to match another capture

    /// Queries that have rows: all, or those of the window; empty when none of them is looked at.
    [[nodiscard]] core::Span queries() const;
    /// Tokens of the smallest cell: 1 where there are exact rows.
    [[nodiscard]] std::int64_t unit() const;
};

/// Cells no larger than `wanted` tokens a pixel (at least one unit) that all sources have; up to twice as large where the
/// stored pyramid begins there, so that a whole map is not read for a difference of less than a pixel.
[[nodiscard]] CellSize cellSizeFor(const std::vector<MapSource>& sources, double queriesPerPixel, double keysPerPixel);

/// The whole map can be shown without reading every exact row: from the pyramid, or because there are window rows only.
[[nodiscard]] bool hasOverview(const std::vector<MapSource>& sources);
/// Cells that show the whole map with at most `most` a side, or few more.
[[nodiscard]] CellSize overviewSize(const std::vector<MapSource>& sources, std::int64_t most);

/// Block (row, column) of the cells of this size: kBlockCells a side, fewer at the ends of the map. NaN above the
/// diagonal and where there are no rows. Throws as io::CaptureReader::tile.
[[nodiscard]] io::MapTile readBlock(const MapSource& source, CellSize size, std::int64_t row, std::int64_t column);

/// The cells are those of a stored level, which is read as a whole: all its blocks, with their places.
[[nodiscard]] bool isStoredLevel(const MapSource& source, CellSize size);
struct PlacedBlock {
    std::int64_t row = 0, column = 0;
    io::MapTile tile;
};
[[nodiscard]] std::vector<PlacedBlock> readLevel(const MapSource& source, CellSize size);

} // namespace kvviz::plot
