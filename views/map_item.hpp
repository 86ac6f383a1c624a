// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Draws one pooled map over an axis rect, pixel for pixel: the values are pooled onto the pixels that are really there
// (screen, PNG) or onto a raster of the wanted resolution (PDF, SVG).
#pragma once

#include "views/figure_data.hpp"
#include "views/plot_style.hpp"

#include <QPointer>

namespace kvviz::plot {

class MapItem : public QCPLayerable {
public:
    explicit MapItem(QCPAxisRect* rect);

    void setTile(io::MapTile tile, io::Pooling pooling);
    void setColors(const ColorScale& scale, const QColor& masked);
    /// Resolution of the raster inside a vector file, in pixels per plot unit.
    void setVectorResolution(double pixelsPerUnit) { m_pixelsPerUnit = pixelsPerUnit; }
    [[nodiscard]] const io::MapTile& tile() const { return m_tile; }

protected:
    QRect clipRect() const override;
    void applyDefaultAntialiasingHint(QCPPainter* painter) const override;
    void draw(QCPPainter* painter) override;

private:
    [[nodiscard]] QImage render(QSize pixels) const;

    QPointer<QCPAxisRect> m_rect;
    io::MapTile m_tile;
    io::Pooling m_pooling = io::Pooling::max;
    ColorScale m_scale;
    QColor m_masked = Qt::lightGray;
    double m_pixelsPerUnit = 300.0 / kExportUnitsPerInch;
};

/// Draws `image` over `target`: 1:1 on the device's own pixels when painting a raster, losslessly into vector files.
/// `makeImage` is called once with the size in pixels.
template <typename MakeImage>
void drawPixelExact(QCPPainter* painter, const QRect& target, double vectorPixelsPerUnit, MakeImage&& makeImage)
{
    if (target.isEmpty())
        return;
    painter->save();
    if (painter->modes().testFlag(QCPPainter::pmVectorized)) {
        painter->setRenderHint(QPainter::LosslessImageRendering);
        painter->drawImage(QRectF(target), makeImage(QSizeF(target.size()) * vectorPixelsPerUnit));
    } else {
        const QRectF device = painter->deviceTransform().mapRect(QRectF(target));
        const QPoint topLeft = device.topLeft().toPoint();
        const QPoint bottomRight = device.bottomRight().toPoint();
        QImage image = makeImage(QSizeF(bottomRight.x() - topLeft.x(), bottomRight.y() - topLeft.y()));
        const double ratio = painter->device()->devicePixelRatioF();
        image.setDevicePixelRatio(ratio);
        painter->resetTransform();
        painter->drawImage(QPointF(topLeft) / ratio, image);
    }
    painter->restore();
}

} // namespace kvviz::plot
