// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/map_item.hpp"

#include "views/map_image.hpp"

namespace kvviz::plot {

MapItem::MapItem(QCPAxisRect* rect) : QCPLayerable(rect->parentPlot(), QStringLiteral("main")), m_rect(rect) {}

void MapItem::setTile(io::MapTile tile, io::Pooling pooling)
{
    m_tile = std::move(tile);
    m_pooling = pooling;
}

void MapItem::setColors(const ColorScale& scale, const QColor& masked)
{
    m_scale = scale;
    m_masked = masked;
}

QRect MapItem::clipRect() const { return m_rect ? m_rect->rect() : QRect(); }

void MapItem::applyDefaultAntialiasingHint(QCPPainter* painter) const { painter->setAntialiasing(false); }

QImage MapItem::render(QSize pixels) const
{
    const QCPRange keys = m_rect->axis(QCPAxis::atBottom)->range();
    const QCPRange queries = m_rect->axis(QCPAxis::atLeft)->range();
    const PixelGrid grid{keys.lower, keys.upper, queries.lower, queries.upper, pixels.width(), pixels.height()};
    return colorImage(resampleTile(m_tile, m_pooling, grid), grid.columns, grid.rows, m_scale, m_masked.rgb());
}

void MapItem::draw(QCPPainter* painter)
{
    if (!m_rect || !m_rect->visible())
        return;
    drawPixelExact(painter, m_rect->rect(), m_pixelsPerUnit,
                   [this](QSizeF size) { return render(size.toSize().expandedTo(QSize(1, 1))); });
}

} // namespace kvviz::plot
