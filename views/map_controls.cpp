// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/map_controls.hpp"

#include "views/map_geometry.hpp"

#include <QApplication>
#include <QMouseEvent>
#include <QRubberBand>

#include <algorithm>
#include <cmath>
#include <utility>

namespace kvviz::views {

namespace {

using core::Span;

constexpr double kWheelStep = 0.8, kFineStep = 0.95;

bool isArrow(int key) { return key == Qt::Key_Left || key == Qt::Key_Right || key == Qt::Key_Up || key == Qt::Key_Down; }

} // namespace

MapControls::MapControls(Selection* selection, plot::HeatmapPanel* heatmap, QCustomPlot* plot)
    : QObject(plot), m_selection(selection), m_heatmap(heatmap), m_plot(plot),
      m_band(new QRubberBand(QRubberBand::Rectangle, plot))
{
    connect(plot, &QCustomPlot::mouseWheel, this, [this](QWheelEvent* event) {
        const bool fine = event->modifiers().testFlag(Qt::ControlModifier);
        zoomAbout(event->position(), std::pow(fine ? kFineStep : kWheelStep, event->angleDelta().y() / 120.0));
        event->accept();
    });
    connect(plot, &QCustomPlot::mousePress, this, &MapControls::press);
    connect(plot, &QCustomPlot::mouseMove, this, &MapControls::move);
    connect(plot, &QCustomPlot::mouseRelease, this, &MapControls::release);
    connect(plot, &QCustomPlot::mouseDoubleClick, this, [this] {
        m_drag = Drag::none; // its release is no click
        resetView();
    });
}

Span MapControls::visibleQueries() const { return m_heatmap->panel().queries; }
Span MapControls::visibleKeys() const { return m_heatmap->panel().keys; }

Span MapControls::crosshairQueries() const
{
    const Span steps = m_map->panel.decodeQueries;
    return {m_map->allQueries.begin, steps.empty() ? m_map->allQueries.end : steps.end};
}

QCPAxisRect* MapControls::mapRectAt(QPointF position) const
{
    for (QCPAxisRect* rect : {m_heatmap->promptRect(), m_heatmap->decodeRect()})
        if (rect->visible() && rect->rect().contains(position.toPoint()))
            return rect;
    return nullptr;
}

void MapControls::zoomAbout(QPointF position, double factor)
{
    const QCPAxisRect* rect = m_map ? mapRectAt(position) : nullptr;
    if (!rect || factor == 1)
        return;
    const double wanted = factor * m_zoomRest;
    const double key = rect->axis(QCPAxis::atBottom)->pixelToCoord(position.x());
    const double query = rect->axis(QCPAxis::atLeft)->pixelToCoord(position.y());
    const Span keys = plot::zoomed(visibleKeys(), key, wanted, m_map->allKeys);
    const Span queries = rect == m_heatmap->promptRect()
                             ? plot::zoomed(visibleQueries(), query, wanted, m_map->allQueries)
                             : visibleQueries(); // decode steps are all there, always
    const bool moved = keys != visibleKeys() || queries != visibleQueries();
    m_zoomRest = moved ? 1 : std::clamp(wanted, 0.5, 2.0);
    if (moved)
        m_selection->setVisible(queries, keys);
}

void MapControls::zoomBy(double factor)
{
    if (!m_map)
        return;
    const SelectionState& state = m_selection->state();
    const auto center = [](Span visible, std::int64_t token) {
        return visible.contains(token) ? static_cast<double>(token) + 0.5
                                       : static_cast<double>(visible.begin + visible.end) / 2;
    };
    const Span queries = visibleQueries(), keys = visibleKeys();
    m_selection->setVisible(plot::zoomed(queries, center(queries, state.query), factor, m_map->allQueries),
                            plot::zoomed(keys, center(keys, state.key), factor, m_map->allKeys));
}

void MapControls::resetView() { m_selection->setVisible({}, {}); }

bool MapControls::clearCrosshair()
{
    const SelectionState& state = m_selection->state();
    const bool was = state.query >= 0 || state.key >= 0;
    m_selection->change([](SelectionState& next) { next.query = next.key = -1; });
    return was;
}

void MapControls::press(QMouseEvent* event)
{
    if (!m_map || event->button() != Qt::LeftButton || !mapRectAt(event->position()))
        return;
    m_drag = Drag::pressed;
    m_shift = event->modifiers().testFlag(Qt::ShiftModifier);
    m_from = event->position();
    m_fromQueries = visibleQueries();
    m_fromKeys = visibleKeys();
}

void MapControls::move(QMouseEvent* event)
{
    const QPointF position = event->position();
    if (!event->buttons().testFlag(Qt::LeftButton))
        m_drag = Drag::none;
    if (m_drag == Drag::pressed
        && (position - m_from).manhattanLength() >= static_cast<double>(QApplication::startDragDistance())) {
        m_drag = m_shift ? Drag::rectangle : Drag::pan;
        m_band->setVisible(m_shift);
    }
    if (m_drag == Drag::pan)
        pan(position);
    else if (m_drag == Drag::rectangle)
        m_band->setGeometry(QRectF(m_from, position).normalized().toRect() & m_heatmap->mapRect().toRect());
    Q_EMIT pointed(position);
}

void MapControls::pan(QPointF position)
{
    const QRectF rect = m_heatmap->mapRect();
    const QPointF moved = m_from - position;
    m_selection->setVisible(plot::shifted(m_fromQueries,
                                          moved.y() / rect.height() * static_cast<double>(m_fromQueries.size()),
                                          m_map->allQueries),
                            plot::shifted(m_fromKeys, moved.x() / rect.width() * static_cast<double>(m_fromKeys.size()),
                                          m_map->allKeys));
}

void MapControls::release(QMouseEvent* event)
{
    const Drag drag = std::exchange(m_drag, Drag::none);
    m_band->hide();
    if (!m_map || event->button() != Qt::LeftButton)
        return;
    if (drag == Drag::pressed)
        click(m_from, m_shift);
    else if (drag == Drag::rectangle)
        zoomToRectangle(event->position());
}

void MapControls::zoomToRectangle(QPointF position)
{
    const QCPAxisRect* rect = m_heatmap->promptRect();
    const QCPAxis* keys = rect->axis(QCPAxis::atBottom);
    const QCPAxis* queries = rect->axis(QCPAxis::atLeft);
    const auto along = [](const QCPAxis* axis, double from, double to, Span visible) {
        const auto within = [&](double pixel) {
            return std::clamp(axis->pixelToCoord(pixel), static_cast<double>(visible.begin),
                              static_cast<double>(visible.end));
        };
        return std::pair{within(from), within(to)};
    };
    const auto [key0, key1] = along(keys, m_from.x(), position.x(), visibleKeys());
    const auto [query0, query1] = along(queries, m_from.y(), position.y(), visibleQueries());
    const bool inPrompt = mapRectAt(m_from) == rect;
    m_selection->setVisible(inPrompt ? plot::between(query0, query1, m_map->allQueries) : visibleQueries(),
                            plot::between(key0, key1, m_map->allKeys));
}

void MapControls::click(QPointF position, bool measure)
{
    const QCPAxisRect* rect = mapRectAt(position);
    if (!rect)
        return;
    const auto tokenOf = [](double coordinate, Span all) {
        return std::clamp(static_cast<std::int64_t>(std::floor(coordinate)), all.begin, all.end - 1);
    };
    const std::int64_t key = tokenOf(rect->axis(QCPAxis::atBottom)->pixelToCoord(position.x()), m_map->allKeys);
    const std::int64_t query = tokenOf(rect->axis(QCPAxis::atLeft)->pixelToCoord(position.y()), crosshairQueries());
    const std::int64_t from = m_selection->state().key;
    if (measure && from >= 0 && m_selection->state().query >= 0) {
        Q_EMIT measured({std::min(from, key), std::max(from, key) + 1});
        return;
    }
    m_selection->change([&](SelectionState& next) {
        next.query = query;
        next.key = key;
    });
}

void MapControls::moveCrosshair(std::int64_t queries, std::int64_t keys, bool pages)
{
    if (!m_map)
        return;
    const SelectionState& state = m_selection->state();
    const Span allQueries = crosshairQueries(), allKeys = m_map->allKeys;
    const auto moved = [](std::int64_t token, std::int64_t by, Span visible, Span all) {
        const std::int64_t from = token >= 0 ? token + by : (visible.begin + visible.end) / 2;
        return std::clamp(from, all.begin, all.end - 1);
    };
    const std::int64_t query =
        moved(state.query, queries * (pages ? visibleQueries().size() : 1), visibleQueries(), allQueries);
    const std::int64_t key = moved(state.key, keys * (pages ? visibleKeys().size() : 1), visibleKeys(), allKeys);
    m_selection->change([&](SelectionState& next) {
        next.query = query;
        next.key = key;
        const bool everything = next.queries.empty() && next.keys.empty();
        if (everything)
            return;
        next.keys = plot::scrolledTo(visibleKeys(), key, allKeys);
        if (query < m_map->allQueries.end) // decode steps are all in sight
            next.queries = plot::scrolledTo(visibleQueries(), query, m_map->allQueries);
    });
}

bool MapControls::takes(const QKeyEvent* event) const
{
    const bool plain = !event->modifiers().testFlag(Qt::ControlModifier) && !event->modifiers().testFlag(Qt::AltModifier);
    const bool escape = event->key() == Qt::Key_Escape
                        && (m_selection->state().query >= 0 || m_selection->state().key >= 0);
    return m_map && plain && (isArrow(event->key()) || event->key() == Qt::Key_Home || escape);
}

bool MapControls::keyPressed(const QKeyEvent* event)
{
    if (!takes(event))
        return false;
    const bool pages = event->modifiers().testFlag(Qt::ShiftModifier);
    switch (event->key()) {
    case Qt::Key_Left: moveCrosshair(0, -1, pages); break;
    case Qt::Key_Right: moveCrosshair(0, 1, pages); break;
    case Qt::Key_Up: moveCrosshair(-1, 0, pages); break;
    case Qt::Key_Down: moveCrosshair(1, 0, pages); break;
    case Qt::Key_Home: resetView(); break;
    case Qt::Key_Escape: clearCrosshair(); break;
    default: return false;
    }
    return true;
}

} // namespace kvviz::views
