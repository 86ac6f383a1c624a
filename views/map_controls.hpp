// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Mouse and keys of the heatmap, turned into changes of the selection: wheel zooms (Ctrl: finer), dragging pans (Shift:
// zooms to the rectangle), a click sets the crosshair (Shift: measures from it), arrows move it.
#pragma once

#include "views/heatmap_panel.hpp"
#include "views/map_loader.hpp"
#include "views/selection.hpp"

#include <QKeyEvent>

#include <memory>

class QRubberBand;

namespace kvviz::views {

class MapControls : public QObject {
    Q_OBJECT

public:
    MapControls(Selection* selection, plot::HeatmapPanel* heatmap, QCustomPlot* plot);

    /// What is shown: how far one can pan, and what the crosshair can stand on. Null: nothing.
    void setMap(std::shared_ptr<const plot::LoadedMap> map) { m_map = std::move(map); }

    void zoomAbout(QPointF position, double factor);
    /// About the crosshair where it is in sight, else about the middle.
    void zoomBy(double factor);
    void resetView();
    /// True when there was a crosshair.
    bool clearCrosshair();
    /// Pages: the number of visible tokens.
    void moveCrosshair(std::int64_t queries, std::int64_t keys, bool pages);
    /// Would keyPressed() take it?
    [[nodiscard]] bool takes(const QKeyEvent* event) const;
    bool keyPressed(const QKeyEvent* event);

Q_SIGNALS:
    void pointed(QPointF position);
    /// Keys from the crosshair to the second click; none when the crosshair moves on.
    void measured(kvviz::core::Span keys);

private:
    void press(QMouseEvent* event);
    void move(QMouseEvent* event);
    void release(QMouseEvent* event);
    void pan(QPointF position);
    void zoomToRectangle(QPointF position);
    void click(QPointF position, bool measure);
    [[nodiscard]] QCPAxisRect* mapRectAt(QPointF position) const;
    [[nodiscard]] core::Span crosshairQueries() const;
    [[nodiscard]] core::Span visibleQueries() const;
    [[nodiscard]] core::Span visibleKeys() const;

    Selection* m_selection;
    plot::HeatmapPanel* m_heatmap;
    QCustomPlot* m_plot;
    QRubberBand* m_band;
    std::shared_ptr<const plot::LoadedMap> m_map;
    enum class Drag : std::uint8_t { none, pressed, pan, rectangle };
    Drag m_drag = Drag::none;
    bool m_shift = false;
    QPointF m_from;
    core::Span m_fromQueries, m_fromKeys;
    double m_zoomRest = 1; ///< of wheels that turn less than a token at a time
};

} // namespace kvviz::views
