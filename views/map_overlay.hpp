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
    /// `hatchSinks`: their columns do not count for the colours and are hatched.
    void setSegments(std::vector<SegmentMark> segments, std::int64_t sinkTokens, bool hatchSinks = false);
    /// The segment whose label or band lies under a point of the plot; null: none.
    [[nodiscard]] const SegmentMark* segmentAt(QPointF position) const;
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
    void drawSinkHatching(QCPPainter* painter, double right) const;
    struct BandLabel {
        const SegmentMark* mark = nullptr;
        double center = 0, wish = 0; ///< where it is and where it would be
        double width = 0;
    };
    [[nodiscard]] std::vector<BandLabel> labels() const;
    [[nodiscard]] double bandTop() const;

    QPointer<QCPAxisRect> m_rect;
    bool m_withBand;
    PlotStyle m_style;
    std::vector<SegmentMark> m_segments;
    std::int64_t m_sinkTokens = 0;
    bool m_hatchSinks = false;
};

} // namespace kvviz::plot
