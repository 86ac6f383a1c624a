// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/map_image.hpp"

#include "views/color_lookup.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kvviz::plot {

namespace {

constexpr float kMasked = std::numeric_limits<float>::quiet_NaN();

} // namespace

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

namespace {

/// `fold` of the cells of some rows of a tile, column by column. NaN stays only where all are NaN.
class RowFold {
public:
    RowFold(const io::MapTile& tile, CellFold fold, CellRange columns) : m_tile(tile), m_fold(fold), m_columns(columns)
    {
        m_values.resize(static_cast<std::size_t>(tile.columns));
        if (fold == CellFold::mean)
            m_counts.resize(m_values.size());
    }

    void setRows(CellRange rows)
    {
        const auto count = m_columns.end - m_columns.begin;
        const float* row = m_tile.values.data() + rows.begin * m_tile.columns + m_columns.begin;
        float* const values = m_values.data() + m_columns.begin;
        if (m_fold == CellFold::mean)
            return sumRows(rows);
        std::copy_n(row, count, values);
        for (std::int64_t r = rows.begin + 1; r < rows.end; ++r) {
            row += m_tile.columns;
            // A comparison with NaN is false: loops without branches, which vectorise.
            if (m_fold == CellFold::max)
                for (std::int64_t c = 0; c < count; ++c)
                    values[c] = row[c] > values[c] || std::isnan(values[c]) ? row[c] : values[c];
            else
                for (std::int64_t c = 0; c < count; ++c)
                    values[c] = std::abs(row[c]) > std::abs(values[c]) || std::isnan(values[c]) ? row[c] : values[c];
        }
    }

    [[nodiscard]] float over(CellRange columns) const
    {
        const float* const values = m_values.data();
        if (m_fold == CellFold::mean)
            return meanOver(columns);
        float folded = columns.begin < columns.end ? values[columns.begin] : kMasked;
        for (std::int64_t c = columns.begin + 1; c < columns.end; ++c) {
            const bool more = m_fold == CellFold::max ? values[c] > folded : std::abs(values[c]) > std::abs(folded);
            folded = more || std::isnan(folded) ? values[c] : folded;
        }
        return folded;
    }

private:
    void sumRows(CellRange rows)
    {
        std::fill(m_values.begin(), m_values.end(), 0.0f);
        std::fill(m_counts.begin(), m_counts.end(), 0.0f);
        for (std::int64_t r = rows.begin; r < rows.end; ++r) {
            const float* const row = m_tile.values.data() + r * m_tile.columns;
            for (std::int64_t c = m_columns.begin; c < m_columns.end; ++c) {
                const bool seen = !std::isnan(row[c]);
                m_values[static_cast<std::size_t>(c)] += seen ? row[c] : 0.0f;
                m_counts[static_cast<std::size_t>(c)] += seen ? 1.0f : 0.0f;
            }
        }
    }

    [[nodiscard]] float meanOver(CellRange columns) const
    {
        double sum = 0, count = 0;
        for (std::int64_t c = columns.begin; c < columns.end; ++c) {
            sum += static_cast<double>(m_values[static_cast<std::size_t>(c)]);
            count += static_cast<double>(m_counts[static_cast<std::size_t>(c)]);
        }
        return count == 0 ? kMasked : static_cast<float>(sum / count);
    }

    const io::MapTile& m_tile;
    CellFold m_fold;
    CellRange m_columns; ///< that any pixel shows
    std::vector<float> m_values, m_counts;
};

/// From the first to the last cell that any pixel shows.
CellRange coveredBy(const std::vector<CellRange>& ranges)
{
    CellRange all{std::numeric_limits<std::int64_t>::max(), 0};
    for (const CellRange& range : ranges)
        if (range.begin < range.end) {
            all.begin = std::min(all.begin, range.begin);
            all.end = std::max(all.end, range.end);
        }
    return all.begin < all.end ? all : CellRange{};
}

} // namespace

std::vector<float> resampleTile(const io::MapTile& tile, CellFold fold, const PixelGrid& grid)
{
    std::vector<float> values(static_cast<std::size_t>(grid.rows) * static_cast<std::size_t>(grid.columns), kMasked);
    if (tile.rows <= 0 || tile.columns <= 0 || grid.rows <= 0 || grid.columns <= 0)
        return values;
    const auto rows =
        cellsOfPixels(grid.queryBegin, grid.queryEnd, grid.rows, tile.queryBegin, tile.queryEnd, tile.rows);
    const auto columns =
        cellsOfPixels(grid.keyBegin, grid.keyEnd, grid.columns, tile.keyBegin, tile.keyEnd, tile.columns);
    RowFold folded(tile, fold, coveredBy(columns));
    float* line = values.data();
    const CellRange* before = nullptr;
    for (const CellRange& row : rows) {
        if (before && row.begin == before->begin && row.end == before->end) {
            std::copy_n(line - grid.columns, grid.columns, line); // several pixels a cell
        } else if (row.begin < row.end) {
            folded.setRows(row);
            for (int i = 0; i < grid.columns; ++i)
                line[i] = folded.over(columns[static_cast<std::size_t>(i)]);
        }
        before = &row;
        line += grid.columns;
    }
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
    const ColorLookup lookup(scale);
    const float* value = values.data();
    for (int r = 0; r < rows; ++r) {
        auto* line = reinterpret_cast<QRgb*>(image.scanLine(r));
        for (int c = 0; c < columns; ++c, ++value)
            line[c] = std::isnan(*value) ? masked : lookup.color(*value);
    }
    return image;
}

io::MapTile croppedTile(const io::MapTile& tile, core::Span queries, core::Span keys)
{
    if (tile.rows <= 0 || tile.columns <= 0)
        return {};
    const auto cells = [](core::Span tokens, double begin, double end, std::int64_t count) {
        const double cell = (end - begin) / static_cast<double>(count);
        const auto at = [&](std::int64_t token) { return (static_cast<double>(token) - begin) / cell; };
        return CellRange{
            static_cast<std::int64_t>(std::clamp(std::floor(at(tokens.begin) + 1e-6), 0.0, static_cast<double>(count))),
            static_cast<std::int64_t>(std::clamp(std::ceil(at(tokens.end) - 1e-6), 0.0, static_cast<double>(count)))};
    };
    const CellRange rows = cells(queries, tile.queryBegin, tile.queryEnd, tile.rows);
    const CellRange columns = cells(keys, tile.keyBegin, tile.keyEnd, tile.columns);
    if (rows.begin >= rows.end || columns.begin >= columns.end)
        return {};
    const double high = (tile.queryEnd - tile.queryBegin) / static_cast<double>(tile.rows);
    const double wide = (tile.keyEnd - tile.keyBegin) / static_cast<double>(tile.columns);
    io::MapTile piece;
    piece.source = tile.source;
    piece.rows = rows.end - rows.begin;
    piece.columns = columns.end - columns.begin;
    piece.queryBegin = tile.queryBegin + static_cast<double>(rows.begin) * high;
    piece.queryEnd = tile.queryBegin + static_cast<double>(rows.end) * high;
    piece.keyBegin = tile.keyBegin + static_cast<double>(columns.begin) * wide;
    piece.keyEnd = tile.keyBegin + static_cast<double>(columns.end) * wide;
    for (std::int64_t r = rows.begin; r < rows.end; ++r) {
        const auto row = tile.values.begin() + r * tile.columns;
        piece.values.insert(piece.values.end(), row + columns.begin, row + columns.end);
    }
    return piece;
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
