// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/map_item.hpp"

#include "views/kept_data.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::plot {

namespace {

/// Pixels [first, last) whose middle lies in [cellBegin, cellEnd).
CellRange pixelsWithin(double begin, double end, int pixels, double cellBegin, double cellEnd)
{
    const double pixel = (end - begin) / pixels;
    const auto at = [&](double token) {
        return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::ceil((token - begin) / pixel - 0.5 - 1e-6)), 0,
                                        pixels);
    };
    return {at(cellBegin), at(cellEnd)};
}

/// Without colour but as light as before, a step towards the ground, with every so many diagonals lighter or darker:
/// evicted cells stay readable and differ by more than colour.
QRgb veiled(QRgb color, QRgb ground, bool hatched)
{
    const int grey = qGray(color);
    const auto mixed = [&](int channel, int toward) {
        const double share = hatched ? 0.45 : 0.22;
        return static_cast<int>(std::lround((1 - share) * (0.8 * grey + 0.2 * channel) + share * toward));
    };
    return qRgb(mixed(qRed(color), qRed(ground)), mixed(qGreen(color), qGreen(ground)),
                mixed(qBlue(color), qBlue(ground)));
}

} // namespace

MapItem::MapItem(QCPAxisRect* rect) : QCPLayerable(rect->parentPlot(), QStringLiteral("main")), m_rect(rect) {}

void MapItem::setTile(TilePointer tile, CellFold fold, TilePointer whole)
{
    m_tile = std::move(tile);
    m_fold = fold;
    m_whole = std::move(whole);
}

void MapItem::setColors(const ColorScale& scale, const QColor& masked)
{
    m_scale = scale;
    m_masked = masked;
}

QRect MapItem::clipRect() const { return m_rect ? m_rect->rect() : QRect(); }

void MapItem::applyDefaultAntialiasingHint(QCPPainter* painter) const { painter->setAntialiasing(false); }

std::vector<float> MapItem::valuesOn(const PixelGrid& grid) const
{
    static const io::MapTile none;
    std::vector<float> values = resampleTile(m_tile ? *m_tile : none, m_fold, grid);
    if (!m_whole || m_whole->rows <= 0)
        return values;
    const io::MapTile& tile = m_tile ? *m_tile : none;
    const CellRange rows =
        pixelsWithin(grid.queryBegin, grid.queryEnd, grid.rows, tile.queryBegin, tile.queryEnd);
    const CellRange columns = pixelsWithin(grid.keyBegin, grid.keyEnd, grid.columns, tile.keyBegin, tile.keyEnd);
    const auto rowCount = static_cast<std::int64_t>(grid.rows), width = static_cast<std::int64_t>(grid.columns);
    if (rows.begin == 0 && rows.end == rowCount && columns.begin == 0 && columns.end == width)
        return values;
    std::vector<float> coarse = resampleTile(*m_whole, m_fold, grid);
    for (std::int64_t r = rows.begin; r < rows.end; ++r)
        if (columns.begin < columns.end)
            std::copy(values.begin() + r * width + columns.begin, values.begin() + r * width + columns.end,
                      coarse.begin() + r * width + columns.begin);
    return coarse;
}

QImage MapItem::render(QSize pixels) const
{
    const QCPRange keys = m_rect->axis(QCPAxis::atBottom)->range();
    const QCPRange queries = m_rect->axis(QCPAxis::atLeft)->range();
    const PixelGrid grid{keys.lower, keys.upper, queries.lower, queries.upper, pixels.width(), pixels.height()};
    const std::vector<float> values = valuesOn(grid);
    QImage image = colorImage(values, grid.columns, grid.rows, m_scale, m_masked.rgb());
    if (!m_veil.keys.empty())
        drawVeil(image, values, grid);
    return image;
}

void MapItem::drawVeil(QImage& image, const std::vector<float>& values, const PixelGrid& grid) const
{
    const std::int64_t rows = std::max<std::int64_t>(1, m_veil.steps);
    const auto keys = static_cast<std::int64_t>(m_veil.keys.size()) / rows;
    const double pixelsPerUnit = static_cast<double>(image.width()) / std::max(1, m_rect->width());
    const int period = std::max(3, static_cast<int>(std::lround(m_veil.hatchPeriod * pixelsPerUnit)));
    const int line = std::max(1, period / 6);
    const auto stepsOf =
        m_veil.steps > 0
            ? cellsOfPixels(grid.queryBegin, grid.queryEnd, grid.rows, static_cast<double>(m_veil.firstQuery),
                            static_cast<double>(m_veil.firstQuery + rows), rows)
            : std::vector<CellRange>(static_cast<std::size_t>(grid.rows), CellRange{0, 1});
    std::vector<KeptShare> shares;
    CellRange of{-1, -1};
    for (int y = 0; y < grid.rows; ++y) {
        const CellRange steps = stepsOf[static_cast<std::size_t>(y)];
        if (steps.begin >= steps.end)
            continue;
        if (steps.begin != of.begin || steps.end != of.end) { // of several steps a pixel the last one is shown
            of = steps;
            shares = keptShares(m_veil.keys.data() + (steps.end - 1) * keys, keys, grid.keyBegin, grid.keyEnd,
                                grid.columns);
        }
        auto* pixel = reinterpret_cast<QRgb*>(image.scanLine(y));
        const float* value = values.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(grid.columns);
        for (int x = 0; x < grid.columns; ++x)
            if (shares[static_cast<std::size_t>(x)] == KeptShare::none && !std::isnan(value[x]))
                pixel[x] = veiled(pixel[x], m_masked.rgb(), (x + y) % period < line);
    }
}

void MapItem::draw(QCPPainter* painter)
{
    if (!m_rect || !m_rect->visible())
        return;
    drawPixelExact(painter, m_rect->rect(), m_pixelsPerUnit,
                   [this](QSizeF size) { return render(size.toSize().expandedTo(QSize(1, 1))); });
}

} // namespace kvviz::plot
