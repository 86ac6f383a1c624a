// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One attention map with its axes, overlay, band, decode strip, strip of kept keys, crosshair and title, at a place of a
// plot. Figures and the window use this same class.
#pragma once

#include "views/cell_values.hpp"
#include "views/figure_data.hpp"
#include "views/kept_item.hpp"
#include "views/map_item.hpp"
#include "views/map_marks.hpp"
#include "views/map_overlay.hpp"
#include "views/plot_style.hpp"
#include "views/text_block.hpp"
#include "views/token_ticker.hpp"

namespace kvviz::plot {

/// Puts an element of a free layout at `rect` (plot units) of a canvas of this size.
void placeElement(QCPLayoutInset* layout, QCPLayoutElement* element, const QRectF& rect, QSizeF canvas);

/// Cells that are held elsewhere; `whole`: coarse ones of everything, for where the others end. May be null.
struct SharedCells {
    TilePointer prompt, decode, wholePrompt, wholeDecode;
};

class HeatmapPanel {
public:
    /// Items belong to the plot, axis rects to the layout.
    HeatmapPanel(QCustomPlot* plot, QCPLayoutInset* layout);

    /// With the panel's own cells.
    void setPanel(const MapPanel& panel, const ColorScale& scale, const PlotStyle& style);
    /// With cells that are held elsewhere, in place of the panel's own.
    void setPanel(const MapPanel& panel, const SharedCells& cells, const ColorScale& scale, const PlotStyle& style);
    /// Other tokens of the same panel; costs no more than drawing it again. Keeps its place.
    void setVisible(core::Span queries, core::Span keys);
    void setKept(const KeptMarks& kept);
    void setMarks(const MapMarks& marks);
    /// Side-by-side panels: only the first one names the query axis.
    void setQueryLabelVisible(bool visible) { m_queryLabel = visible; }
    /// Margins that do not follow the longest token in sight, so that nothing moves while somebody pans.
    void setSteadyMargins(bool steady) { m_steady = steady; }
    void setVectorResolution(double pixelsPerUnit);

    /// Width beside the map: axis, labels, margins.
    [[nodiscard]] double sideWidth() const;
    /// Height at which a whole prompt map has square cells.
    [[nodiscard]] double heightForWidth(double width) const;
    void place(const QRectF& rect, QSizeF canvas);

    [[nodiscard]] QCPAxisRect* promptRect() const { return m_promptRect; }
    [[nodiscard]] QCPAxisRect* decodeRect() const { return m_decodeRect; }
    [[nodiscard]] QCPAxisRect* keptRect() const { return m_keptRect; }
    [[nodiscard]] const KeptItem& keptItem() const { return *m_kept; }
    [[nodiscard]] const MapPanel& panel() const { return m_panel; }
    [[nodiscard]] QRectF mapRect() const { return m_mapRect; }     ///< of the prompt part, as placed
    [[nodiscard]] QRectF blockRect() const { return m_blockRect; } ///< with the decode strip
    /// The segment whose label or band lies under a point of the plot; null: none.
    [[nodiscard]] const SegmentMark* segmentAt(QPointF position) const { return m_promptOverlay->segmentAt(position); }

private:
    struct Margins {
        double left = 0, top = 0, right = 0, bottom = 0;
    };
    [[nodiscard]] Margins margins() const;
    [[nodiscard]] double decodeHeight(double mapHeight) const;
    /// Of the strip of kept keys with what is said above it, below a map of this size.
    [[nodiscard]] double keptHeight(double mapHeight, double mapWidth) const;
    [[nodiscard]] double longestToken(core::Span tokens) const;
    [[nodiscard]] QCPAxisRect* lowestRect() const;
    void setUpAxes(QCPAxisRect* rect, core::Span queries);
    void showVeil();
    void fitLabels(const QRectF& strip);
    void placeTitle(const QRectF& rect, double mapLeft);

    QCPLayoutInset* m_layout;
    QCPAxisRect* m_promptRect;
    QCPAxisRect* m_decodeRect;
    QCPAxisRect* m_keptRect;
    MapItem* m_prompt;
    MapItem* m_decode;
    KeptItem* m_kept;
    CellValues* m_promptValues;
    CellValues* m_decodeValues;
    MapOverlay* m_promptOverlay;
    MapOverlay* m_decodeOverlay;
    MarksItem* m_marks;
    TextBlock* m_title;
    QSharedPointer<TokenTicker> m_keyTicker, m_queryTicker, m_decodeTicker;
    MapPanel m_panel; ///< without cells
    QStringList m_texts; ///< of tokens, as short as axes show them
    PlotStyle m_style;
    QRectF m_mapRect, m_blockRect;
    bool m_queryLabel = true, m_steady = false;
};

} // namespace kvviz::plot
