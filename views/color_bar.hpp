// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The labelled colour bar of a map: an axis rect filled with the colour table.
#pragma once

#include "views/figure_data.hpp"
#include "views/plot_style.hpp"

#include <QPointer>

namespace kvviz::plot {

class ColorBar : public QCPLayerable {
public:
    explicit ColorBar(QCPAxisRect* rect);

    void setScale(const ColorScale& scale, const PlotStyle& style);
    /// Width of ticks, tick labels and label to the right of the bar.
    [[nodiscard]] static double labelWidth(const ColorScale& scale, const PlotStyle& style);
    /// Shortens the label to its first word where it is longer than the bar.
    void place(QCPLayoutInset* layout, const QRectF& rect, QSizeF canvas);
    [[nodiscard]] QCPAxisRect* axisRect() const { return m_rect; }

protected:
    QRect clipRect() const override;
    void applyDefaultAntialiasingHint(QCPPainter* painter) const override;
    void draw(QCPPainter* painter) override;

private:
    QPointer<QCPAxisRect> m_rect;
    ColorScale m_scale;
    PlotStyle m_style;
};

} // namespace kvviz::plot
