// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What lies on the map of the window and moves without its cells: what the method keeps, the crosshair, a measured range,
// and the switches of keys and actions.
#include "views/capture_choice.hpp"
#include "views/live_replay.hpp"
#include "views/map_readout.hpp"
#include "views/map_view.hpp"

#include <QPainter>

namespace kvviz::views {

namespace {

constexpr double kZoomStep = 0.7;

} // namespace

void MapView::updateKept()
{
    const SelectionState now = state();
    const std::shared_ptr<const LiveLayer> live = m_context.live ? m_context.live->layer() : nullptr;
    const bool shownHere = live && now.overlay && live->capture == now.capture
                           && live->reader->info().layers.at(static_cast<std::size_t>(live->slot)) == now.layer;
    if (!shownHere) {
        m_keptTask.run([this]() -> BackgroundTask::Finish { return [this] { showKept({}); }; });
        return;
    }
    m_keptTask.run([this, live, head = now.head, step = now.decodeStep]() -> BackgroundTask::Finish {
        const core::CaptureInfo& info = live->reader->info();
        plot::KeptRequest request;
        request.method = live->method;
        request.budget = live->budget;
        request.n = live->n;
        request.t = live->t;
        request.step = step;
        if (head != plot::kAllHeads) // the heads of one KV head share what it keeps
            request.head = static_cast<int>(plot::headSlots(info, head, live->reader->name()).front());
        return [this, kept = plot::keptMarks(live->plan, info, request)] { showKept(kept); };
    });
}

void MapView::showKept(plot::KeptMarks kept)
{
    const bool sameRoom = kept.rows.size() == m_kept.rows.size();
    m_kept = std::move(kept);
    if (!m_map)
        return;
    m_heatmap->setKept(m_kept);
    if (!sameRoom)
        arrange();
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void MapView::updateMarks()
{
    const SelectionState& now = state();
    const bool moved = now.query != m_marks.query || now.key != m_marks.key;
    plot::MapMarks marks;
    marks.query = now.query;
    marks.key = now.key;
    if (!moved) {
        marks.measured = m_marks.measured;
        marks.measuredText = m_marks.measuredText;
    }
    if (m_map) {
        const core::CaptureInfo& info = m_map->reader->info();
        if (marks.query >= 0)
            marks.queryText = plot::tokenName(info, marks.query);
        if (marks.key >= 0)
            marks.keyText = plot::tokenName(info, marks.key);
    }
    m_marks = std::move(marks);
    if (!m_map)
        return;
    m_heatmap->setMarks(m_marks);
    m_plot->replot(QCustomPlot::rpQueuedReplot);
    if (!moved || m_marks.query < 0 || m_marks.key < 0)
        return;
    // For people who move it by keys, the readout says what a hovering mouse would.
    const QString text = valueText();
    setAccessibleDescription(text);
    Q_EMIT hovered(text);
}

QString MapView::valueText() const
{
    if (!m_map || m_marks.query < 0 || m_marks.key < 0)
        return {};
    return QString::fromStdString(plot::cellReadout(*m_map, m_kept, static_cast<double>(m_marks.query) + 0.5,
                                                    static_cast<double>(m_marks.key) + 0.5));
}

QString MapView::rowText() const
{
    if (!m_map || m_marks.query < 0)
        return {};
    return QString::fromStdString(plot::rowTable(*m_map, m_marks.query, panel().keys));
}

void MapView::measure(core::Span keys)
{
    if (!m_map || m_marks.query < 0)
        return;
    const SelectionState now = state();
    m_measureTask.run([this, map = m_map, now, keys]() -> BackgroundTask::Finish {
        const auto textOf = [&](const std::shared_ptr<const io::CaptureReader>& reader) {
            plot::MapRequest request;
            request.layer = now.layer;
            request.head = now.head;
            const plot::PanelChoice choice = plot::panelChoice(*reader, request);
            const plot::MapSource source{reader, choice.slot, choice.heads, io::Pooling::mean, reader->info().nPrompt()};
            return plot::shareText(plot::rowShare(source, now.query, keys), keys);
        };
        const std::string text =
            map->other ? "A " + textOf(map->reader) + "; B " + textOf(map->other) : textOf(map->reader);
        return [this, keys, text, now] {
            if (state().query != now.query || state().layer != now.layer || state().head != now.head)
                return; // measured for another row
            m_marks.measured = keys;
            m_marks.measuredText = text;
            m_heatmap->setMarks(m_marks);
            m_plot->replot(QCustomPlot::rpQueuedReplot);
            Q_EMIT hovered(QString::fromStdString(text));
        };
    });
}

void MapView::zoomIn() { m_controls->zoomBy(kZoomStep); }

void MapView::zoomOut() { m_controls->zoomBy(1 / kZoomStep); }

void MapView::resetView() { m_controls->resetView(); }

void MapView::clearCrosshair() { m_controls->clearCrosshair(); }

void MapView::lockColors(bool locked)
{
    if (locked && !m_map)
        return;
    const plot::ColorScale now = scale();
    m_context.selection->change([&](SelectionState& next) {
        next.colorRange = locked ? ColorRange::fixed : ColorRange::all;
        if (locked) {
            next.rangeLow = now.low;
            next.rangeHigh = now.high;
        }
    });
}

void MapView::blink(bool on)
{
    if (!m_map || !m_map->other)
        on = false;
    if (on && !m_blinkTimer.isActive()) {
        showOnly(Shown::a);
        m_blinkTimer.start();
    } else if (!on) {
        m_blinkTimer.stop();
        showOnly(Shown::difference);
    }
}

void MapView::showOnly(Shown shown)
{
    if (!m_map || !m_map->other)
        shown = Shown::difference;
    if (shown == m_shown)
        return;
    m_shown = shown;
    refresh();
}

bool MapView::event(QEvent* event)
{
    // Keys of the map go before shortcuts of the window, while the map has the focus.
    if (event->type() == QEvent::ShortcutOverride) {
        const auto* key = static_cast<QKeyEvent*>(event);
        const bool blinks = key->key() == Qt::Key_B && key->modifiers() == Qt::NoModifier && m_map && m_map->other;
        if (blinks || m_controls->takes(key)) {
            event->accept();
            return true;
        }
    }
    return View::event(event);
}

bool MapView::eventFilter(QObject* watched, QEvent* event)
{
    if (watched == m_plot && event->type() == QEvent::Leave)
        Q_EMIT hovered({});
    if (watched == m_plot && event->type() == QEvent::Resize)
        plotResized();
    return View::eventFilter(watched, event);
}

void MapView::keyPressEvent(QKeyEvent* event)
{
    if (event->key() == Qt::Key_B && m_map && m_map->other) {
        if (!event->isAutoRepeat())
            blink(true);
    } else if (!m_controls->keyPressed(event)) {
        View::keyPressEvent(event);
    }
}

void MapView::keyReleaseEvent(QKeyEvent* event)
{
    if (event->key() != Qt::Key_B)
        View::keyReleaseEvent(event);
    else if (!event->isAutoRepeat())
        blink(false);
}

void MapView::focusOutEvent(QFocusEvent* event)
{
    blink(false); // the key may be released elsewhere
    View::focusOutEvent(event);
    update();
}

void MapView::paintEvent(QPaintEvent* event)
{
    View::paintEvent(event);
    QPainter painter(this);
    painter.fillRect(rect(), m_style.background);
    if (!hasFocus())
        return;
    painter.setPen(QPen(palette().color(QPalette::Highlight), 2));
    painter.drawRect(QRectF(rect()).adjusted(1, 1, -1, -1));
}

} // namespace kvviz::views
