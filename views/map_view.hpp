// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The heatmap of the window: reads a tile of what is visible off the GUI thread, zooms with the wheel, pans by
// dragging, says what lies under the cursor.
#pragma once

#include "views/background_task.hpp"
#include "views/capture_list.hpp"
#include "views/color_bar.hpp"
#include "views/heatmap_panel.hpp"
#include "views/map_data.hpp"
#include "views/selection.hpp"

#include <QWidget>

#include <memory>

namespace kvviz::views {

class MapView : public QWidget {
    Q_OBJECT

public:
    MapView(Selection* selection, CaptureList* captures, QWidget* parent = nullptr);

    [[nodiscard]] bool busy() const { return m_task.busy(); }
    [[nodiscard]] QCustomPlot* plot() const { return m_plot; }
    [[nodiscard]] const plot::MapPanel& panel() const { return m_panel; }
    /// Text for the cell under a point of the plot; empty outside of the map.
    [[nodiscard]] QString readout(QPointF position) const;

Q_SIGNALS:
    void hovered(const QString& text);
    void failed(const QString& message);
    void idle();

protected:
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;

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

    Selection* m_selection;
    CaptureList* m_captures;
    QCustomPlot* m_plot;
    QCPLayoutInset* m_layout;
    std::unique_ptr<plot::HeatmapPanel> m_heatmap;
    plot::ColorBar* m_colorBar;
    plot::TextBlock* m_notes;
    plot::PlotStyle m_style;
    plot::MapPanel m_panel;
    plot::ColorScale m_scale;
    std::shared_ptr<const io::CaptureReader> m_reader; ///< of the panel that is shown
    int m_cells = 0;                                   ///< cells a side that were asked for
    QPointF m_dragFrom;
    core::Span m_dragQueries, m_dragKeys;
    BackgroundTask m_task;
};

} // namespace kvviz::views
