// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/cell_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kvviz::plot {

namespace {

constexpr double kLeastWidthPt = 25.5; // 34 pixels at 96 dots per inch
constexpr double kTextScale = 0.72;
constexpr double kLightGround = 55; // CIE lightness from which text is dark

} // namespace

QString cellText(double value)
{
    const double size = std::abs(value);
    std::string text;
    if (size == 0)
        text = "0";
    else if (size >= 0.0095)
        text = fmt::format("{:.2g}", value);
    else {
        text = fmt::format("{:.0e}", value); // "3e-04"
        const auto e = text.find('e');
        text = text.substr(0, e + 2) + text.substr(text.find_first_not_of('0', e + 2));
    }
    return QString::fromStdString(text).replace(QLatin1Char('-'), QChar(0x2212));
}

CellValues::CellValues(QCPAxisRect* rect, const MapItem* map)
    : QCPLayerable(rect->parentPlot(), QStringLiteral("overlay")), m_rect(rect), m_map(map)
{
}

QRect CellValues::clipRect() const { return m_rect ? m_rect->rect() : QRect(); }

void CellValues::applyDefaultAntialiasingHint(QCPPainter* painter) const { painter->setAntialiasing(true); }

void CellValues::draw(QCPPainter* painter)
{
    const TilePointer& tile = m_map->tile();
    if (!m_rect || !m_rect->visible() || !tile || tile->rows <= 0 || tile->columns <= 0)
        return;
    const QCPAxis* keys = m_rect->axis(QCPAxis::atBottom);
    const QCPAxis* queries = m_rect->axis(QCPAxis::atLeft);
    const double wide = (tile->keyEnd - tile->keyBegin) / static_cast<double>(tile->columns);
    const double high = (tile->queryEnd - tile->queryBegin) / static_cast<double>(tile->rows);
    const double width = std::abs(keys->coordToPixel(wide) - keys->coordToPixel(0));
    const double height = std::abs(queries->coordToPixel(high) - queries->coordToPixel(0));
    if (width < m_style.units(kLeastWidthPt) || height < m_style.lineHeight(kTextScale))
        return;
    const auto range = [](const QCPRange& visible, double begin, double cell, std::int64_t count) {
        const auto at = [&](double value) {
            return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::floor((value - begin) / cell)), 0, count - 1);
        };
        return std::pair{at(visible.lower), at(visible.upper)};
    };
    const auto [firstRow, lastRow] = range(queries->range(), tile->queryBegin, high, tile->rows);
    const auto [firstColumn, lastColumn] = range(keys->range(), tile->keyBegin, wide, tile->columns);
    const auto& table = core::colorTable(m_map->scale().map);
    painter->setFont(m_style.font(kTextScale));
    for (std::int64_t r = firstRow; r <= lastRow; ++r)
        for (std::int64_t c = firstColumn; c <= lastColumn; ++c) {
            const float value = tile->values[static_cast<std::size_t>(r * tile->columns + c)];
            if (std::isnan(value))
                continue;
            const auto entry = static_cast<std::size_t>(colorIndex(static_cast<double>(value), m_map->scale()));
            painter->setPen(core::lightness(table[entry]) > kLightGround ? Qt::black : Qt::white);
            const double x = keys->coordToPixel(tile->keyBegin + static_cast<double>(c) * wide);
            const double y = queries->coordToPixel(tile->queryBegin + static_cast<double>(r) * high);
            painter->drawText(QRectF(x, y, width, height), Qt::AlignCenter, cellText(static_cast<double>(value)));
        }
}

} // namespace kvviz::plot
