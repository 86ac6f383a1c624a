// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One attention map with its axes, overlay, band, decode strip and title, at a place of a plot. Figures and the window
// use this same class.
#pragma once

#include "views/figure_data.hpp"
#include "views/map_item.hpp"
#include "views/map_overlay.hpp"
#include "views/plot_style.hpp"
#include "views/text_block.hpp"
#include "views/token_ticker.hpp"

namespace kvviz::plot {

/// Puts an element of a free layout at `rect` (plot units) of a canvas of this size.
void placeElement(QCPLayoutInset* layout, QCPLayoutElement* element, const QRectF& rect, QSizeF canvas);

class HeatmapPanel {
public:
    /// Items belong to the plot, axis rects to the layout.
    HeatmapPanel(QCustomPlot* plot, QCPLayoutInset* layout);

    void setPanel(const MapPanel& panel, const ColorScale& scale, const PlotStyle& style);
    /// Side-by-side panels: only the first one names the query axis.
    void setQueryLabelVisible(bool visible) { m_queryLabel = visible; }
    void setVectorResolution(double pixelsPerUnit);

    /// Width beside the map: axis, labels, margins.
    [[nodiscard]] double sideWidth() const;
    /// Height at which a whole prompt map has square cells.
    [[nodiscard]] double heightForWidth(double width) const;
    void place(const QRectF& rect, QSizeF canvas);

    [[nodiscard]] QCPAxisRect* promptRect() const { return m_promptRect; }
    [[nodiscard]] QCPAxisRect* decodeRect() const { return m_decodeRect; }
    [[nodiscard]] QRectF mapRect() const { return m_mapRect; }     ///< of the prompt part, as placed
    [[nodiscard]] QRectF blockRect() const { return m_blockRect; } ///< with the decode strip

private:
    struct Margins {
        double left = 0, top = 0, right = 0, bottom = 0;
    };
    [[nodiscard]] Margins margins() const;
    [[nodiscard]] double decodeHeight(double mapHeight) const;
    [[nodiscard]] double longestToken(core::Span tokens) const;
    void setUpAxes(QCPAxisRect* rect, MapItem* item, core::Span queries, bool lowest);
    void fitLabels(const QRectF& strip);
    void placeTitle(const QRectF& rect, double mapLeft);

    QCPLayoutInset* m_layout;
    QCPAxisRect* m_promptRect;
    QCPAxisRect* m_decodeRect;
    MapItem* m_prompt;
    MapItem* m_decode;
    MapOverlay* m_promptOverlay;
    MapOverlay* m_decodeOverlay;
    TextBlock* m_title;
    QSharedPointer<TokenTicker> m_keyTicker, m_queryTicker, m_decodeTicker;
    MapPanel m_panel;
    PlotStyle m_style;
    QRectF m_mapRect, m_blockRect;
    bool m_queryLabel = true;
};

} // namespace kvviz::plot
