// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The heatmap of the window: reads a tile of what is visible off the GUI thread, zooms with the wheel, pans by
// dragging, says what lies under the cursor.
#pragma once

#include "views/color_bar.hpp"
#include "views/heatmap_panel.hpp"
#include "views/map_data.hpp"
#include "views/view.hpp"

#include <memory>

namespace kvviz::views {

class MapView : public View {
    Q_OBJECT

public:
    explicit MapView(const ViewContext& context, QWidget* parent = nullptr);

    void reload() override { load(); }
    [[nodiscard]] QCustomPlot* plot() const { return m_plot; }
    [[nodiscard]] const plot::MapPanel& panel() const { return m_panel; }
    /// Text for the cell under a point of the plot; empty outside of the map.
    [[nodiscard]] QString readout(QPointF position) const;

protected:
    void resizeEvent(QResizeEvent* event) override;
    void styleChanged() override;

private:
    void selectionChanged(Selection::Parts parts);
    void load();
    void show(const plot::MapPanel& panel, const plot::ColorScale& scale);
    void arrange();
    void applyVisible();
    void zoom(QPointF position, double factor);
    void drag(const QMouseEvent* event);
    [[nodiscard]] core::Span visibleQueries() const;
    [[nodiscard]] core::Span visibleKeys() const;

    QCustomPlot* m_plot;
    QCPLayoutInset* m_layout;
    std::unique_ptr<plot::HeatmapPanel> m_heatmap;
    plot::ColorBar* m_colorBar;
    plot::TextBlock* m_notes;
    plot::MapPanel m_panel;
    plot::ColorScale m_scale;
    std::shared_ptr<const io::CaptureReader> m_reader; ///< of the panel that is shown
    int m_cells = 0;                                   ///< cells a side that were asked for
    QPointF m_dragFrom;
    core::Span m_dragQueries, m_dragKeys;
};

} // namespace kvviz::views
