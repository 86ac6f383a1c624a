// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Draws one pooled map over an axis rect, pixel for pixel: the values are pooled onto the pixels that are really there
// (screen, PNG) or onto a raster of the wanted resolution (PDF, SVG).
#pragma once

#include "views/figure_data.hpp"
#include "views/map_image.hpp"
#include "views/plot_style.hpp"

#include <QPointer>

#include <memory>

namespace kvviz::plot {

using TilePointer = std::shared_ptr<const io::MapTile>;

/// Keys that are drawn pale because they are evicted: for all rows, or row by row.
struct MapVeil {
    std::vector<KeyState> keys; // [T], or [steps, T]; empty: no veil
    std::int64_t firstQuery = 0, steps = 0; ///< steps 0: the same for all rows
    double hatchPeriod = 6; ///< plot units between diagonals
};

class MapItem : public QCPLayerable {
public:
    explicit MapItem(QCPAxisRect* rect);

    /// `whole` is drawn where `tile` ends (null: masked there).
    void setTile(TilePointer tile, CellFold fold, TilePointer whole = {});
    void setColors(const ColorScale& scale, const QColor& masked);
    void setVeil(MapVeil veil) { m_veil = std::move(veil); }
    /// Resolution of the raster inside a vector file, in pixels per plot unit.
    void setVectorResolution(double pixelsPerUnit) { m_pixelsPerUnit = pixelsPerUnit; }
    [[nodiscard]] const TilePointer& tile() const { return m_tile; }
    [[nodiscard]] const ColorScale& scale() const { return m_scale; }

protected:
    QRect clipRect() const override;
    void applyDefaultAntialiasingHint(QCPPainter* painter) const override;
    void draw(QCPPainter* painter) override;

private:
    [[nodiscard]] QImage render(QSize pixels) const;
    [[nodiscard]] std::vector<float> valuesOn(const PixelGrid& grid) const;
    void drawVeil(QImage& image, const std::vector<float>& values, const PixelGrid& grid) const;

    QPointer<QCPAxisRect> m_rect;
    TilePointer m_tile, m_whole;
    CellFold m_fold = CellFold::max;
    ColorScale m_scale;
    QColor m_masked = Qt::lightGray;
    MapVeil m_veil;
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
