// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/map_image.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvviz::plot {

namespace {

constexpr float kMasked = std::numeric_limits<float>::quiet_NaN();

struct CellRange {
    std::int64_t begin = 0, end = 0;
};

/// Cells [0, cells) over [cellBegin, cellEnd) that each of `pixels` pixels over [begin, end) shows.
std::vector<CellRange> cellsOfPixels(double begin, double end, int pixels, double cellBegin, double cellEnd,
                                     std::int64_t cells)
{
    std::vector<CellRange> ranges(static_cast<std::size_t>(pixels));
    const double pixel = (end - begin) / pixels;
    const double cell = (cellEnd - cellBegin) / static_cast<double>(cells);
    const auto clampCell = [&](double index) {
        return static_cast<std::int64_t>(std::clamp(index, 0.0, static_cast<double>(cells)));
    };
    // The small shift keeps a border that lies exactly between two cells from being decided by rounding.
    const auto firstCell = [&](int i) {
        return clampCell(std::ceil((begin + i * pixel - cellBegin) / cell - 1e-6));
    };
    for (int i = 0; i < pixels; ++i) {
        auto& range = ranges[static_cast<std::size_t>(i)];
        if (pixel > cell * (1 + 1e-9)) {
            range = {firstCell(i), firstCell(i + 1)};
            continue;
        }
        const double center = (begin + (i + 0.5) * pixel - cellBegin) / cell;
        if (center >= 0 && center < static_cast<double>(cells))
            range = {static_cast<std::int64_t>(center), static_cast<std::int64_t>(center) + 1};
    }
    return ranges;
}

float poolCells(const io::MapTile& tile, io::Pooling pooling, CellRange rows, CellRange columns)
{
    float largest = kMasked;
    double sum = 0;
    std::int64_t count = 0;
    for (std::int64_t r = rows.begin; r < rows.end; ++r) {
        const float* row = tile.values.data() + r * tile.columns;
        for (std::int64_t c = columns.begin; c < columns.end; ++c) {
            if (std::isnan(row[c]))
                continue;
            largest = count == 0 ? row[c] : std::max(largest, row[c]);
            sum += row[c];
            ++count;
        }
    }
    return count == 0 || pooling == io::Pooling::max ? largest : static_cast<float>(sum / static_cast<double>(count));
}

} // namespace

std::vector<float> resampleTile(const io::MapTile& tile, io::Pooling pooling, const PixelGrid& grid)
{
    std::vector<float> values(static_cast<std::size_t>(grid.rows) * static_cast<std::size_t>(grid.columns), kMasked);
    if (tile.rows <= 0 || tile.columns <= 0 || grid.rows <= 0 || grid.columns <= 0)
        return values;
    const auto rows =
        cellsOfPixels(grid.queryBegin, grid.queryEnd, grid.rows, tile.queryBegin, tile.queryEnd, tile.rows);
    const auto columns =
        cellsOfPixels(grid.keyBegin, grid.keyEnd, grid.columns, tile.keyBegin, tile.keyEnd, tile.columns);
    auto* value = values.data();
    for (const CellRange& row : rows)
        for (const CellRange& column : columns)
            *value++ = poolCells(tile, pooling, row, column);
    return values;
}

int colorIndex(double value, const ColorScale& scale)
{
    const auto place = [&](double v) {
        return scale.logarithmic ? std::log(v) : v;
    };
    if (value <= scale.low)
        return 0;
    const double share = (place(value) - place(scale.low)) / (place(scale.high) - place(scale.low));
    return static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * 255.0));
}

QImage colorImage(const std::vector<float>& values, int columns, int rows, const ColorScale& scale, QRgb masked)
{
    QImage image(columns, rows, QImage::Format_RGB32);
    const auto& table = core::colorTable(scale.map);
    const float* value = values.data();
    for (int r = 0; r < rows; ++r) {
        auto* line = reinterpret_cast<QRgb*>(image.scanLine(r));
        for (int c = 0; c < columns; ++c, ++value) {
            if (std::isnan(*value)) {
                line[c] = masked;
                continue;
            }
            const core::Rgb color = table[static_cast<std::size_t>(colorIndex(*value, scale))];
            line[c] = qRgb(color.red, color.green, color.blue);
        }
    }
    return image;
}

float tileValue(const io::MapTile& tile, double query, double key)
{
    if (tile.rows <= 0 || tile.columns <= 0)
        return kMasked;
    // Cells are whole tokens mostly; the nudge keeps a token on a border from slipping into the cell before.
    constexpr double nudge = 1e-9;
    const double r =
        (query - tile.queryBegin) / (tile.queryEnd - tile.queryBegin) * static_cast<double>(tile.rows) + nudge;
    const double c = (key - tile.keyBegin) / (tile.keyEnd - tile.keyBegin) * static_cast<double>(tile.columns) + nudge;
    if (r < 0 || c < 0 || r >= static_cast<double>(tile.rows) || c >= static_cast<double>(tile.columns))
        return kMasked;
    return tile
        .values[static_cast<std::size_t>(static_cast<std::int64_t>(r) * tile.columns + static_cast<std::int64_t>(c))];
}

} // namespace kvviz::plot
