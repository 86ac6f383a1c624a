// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From a pooled piece of an attention map to the pixels of a picture. Pooling goes on here, in values and not in
// colours, so that a line one token wide stays visible at any size.
#pragma once

#include "core/io/capture_reader.hpp"
#include "views/figure_data.hpp"

#include <QImage>

namespace kvviz::plot {

/// Pixels over a range of tokens.
struct PixelGrid {
    double keyBegin = 0, keyEnd = 1, queryBegin = 0, queryEnd = 1;
    int columns = 0, rows = 0;
};

/// Half-open range of cells of one axis.
struct CellRange {
    std::int64_t begin = 0, end = 0;
};

/// The cells [0, cells) over [cellBegin, cellEnd) that each of `pixels` pixels over [begin, end) shows: every cell in
/// exactly one pixel where pixels are larger, else the one in the middle of the pixel; none outside.
[[nodiscard]] std::vector<CellRange> cellsOfPixels(double begin, double end, int pixels, double cellBegin,
                                                   double cellEnd, std::int64_t cells);

/// What becomes of several cells in one pixel. `magnitude`: the value that is farthest from zero (differences).
enum class CellFold : std::uint8_t { max, mean, magnitude };
[[nodiscard]] constexpr CellFold foldOf(io::Pooling pooling)
{
    return pooling == io::Pooling::max ? CellFold::max : CellFold::mean;
}

/// The tile seen through the grid, [rows, columns]: every cell goes into exactly one pixel where pixels are larger than
/// cells, and the nearest cell is shown where they are smaller. NaN: masked, or outside the tile.
[[nodiscard]] std::vector<float> resampleTile(const io::MapTile& tile, CellFold fold, const PixelGrid& grid);
[[nodiscard]] inline std::vector<float> resampleTile(const io::MapTile& tile, io::Pooling pooling,
                                                     const PixelGrid& grid)
{
    return resampleTile(tile, foldOf(pooling), grid);
}

/// The cells of a tile that touch a piece of the map.
[[nodiscard]] io::MapTile croppedTile(const io::MapTile& tile, core::Span queries, core::Span keys);

/// Entry of the colour table (0 to 255) of a value that is not NaN.
[[nodiscard]] int colorIndex(double value, const ColorScale& scale);

/// Opaque picture of values [rows, columns]; NaN takes the colour `masked`.
[[nodiscard]] QImage colorImage(const std::vector<float>& values, int columns, int rows, const ColorScale& scale,
                                QRgb masked);

/// Value of the cell that holds (query, key), NaN outside or masked.
[[nodiscard]] float tileValue(const io::MapTile& tile, double query, double key);

} // namespace kvviz::plot
