// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What is drawn on top of a map: borders of the prompt's segments, the band with their labels above, the sink columns.
#pragma once

#include "views/figure_data.hpp"
#include "views/plot_style.hpp"

#include <QPointer>

namespace kvviz::plot {

class MapOverlay : public QCPLayerable {
public:
    /// `withBand`: draws the labelled band above the rect (the prompt map), too.
    MapOverlay(QCPAxisRect* rect, bool withBand);

    void setStyle(const PlotStyle& style) { m_style = style; }
    void setSegments(std::vector<SegmentMark> segments, std::int64_t sinkTokens);
    /// Height above the rect that the band, its labels and the sink mark take.
    [[nodiscard]] static double bandHeight(const PlotStyle& style);

protected:
    QRect clipRect() const override;
    void applyDefaultAntialiasingHint(QCPPainter* painter) const override;
    void draw(QCPPainter* painter) override;

private:
    [[nodiscard]] double keyPixel(double key) const;
    [[nodiscard]] double queryPixel(double query) const;
    void drawBorders(QCPPainter* painter) const;
    void drawBand(QCPPainter* painter) const;
    void drawLabels(QCPPainter* painter, double top) const;
    void drawSinks(QCPPainter* painter) const;

    QPointer<QCPAxisRect> m_rect;
    bool m_withBand;
    PlotStyle m_style;
    std::vector<SegmentMark> m_segments;
    std::int64_t m_sinkTokens = 0;
};

} // namespace kvviz::plot
