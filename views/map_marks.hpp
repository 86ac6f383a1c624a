// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The crosshair of a map with the texts of its two tokens at the axes, and a measured range of keys on its row.
#pragma once

#include "views/figure_data.hpp"
#include "views/plot_style.hpp"

#include <QPointer>

#include <vector>

namespace kvviz::plot {

class MarksItem : public QCPLayerable {
public:
    /// Rects from the uppermost to the lowest, which share their key axis; each shows the queries of its own left axis
    /// (`strip` none).
    MarksItem(QCPAxisRect* prompt, QCPAxisRect* decode, QCPAxisRect* strip);

    void setMarks(const MapMarks& marks, const PlotStyle& style);

protected:
    QRect clipRect() const override;
    void applyDefaultAntialiasingHint(QCPPainter* painter) const override;
    void draw(QCPPainter* painter) override;

private:
    /// The rect that has the row of the query, or null.
    [[nodiscard]] QCPAxisRect* rectOf(std::int64_t query) const;
    [[nodiscard]] double bottom() const;
    void drawLine(QCPPainter* painter, QPointF from, QPointF to) const;
    void drawKey(QCPPainter* painter) const;
    void drawQuery(QCPPainter* painter) const;
    void drawMeasured(QCPPainter* painter) const;
    void drawTag(QCPPainter* painter, QRectF rect, const QString& text, double scale) const;

    QPointer<QCPAxisRect> m_prompt, m_decode, m_strip;
    MapMarks m_marks;
    PlotStyle m_style;
};

} // namespace kvviz::plot
