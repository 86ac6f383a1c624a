// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/curve_view.hpp"

#include "views/capture_choice.hpp"
#include "views/curve_data.hpp"
#include "views/figure_scene.hpp"

#include <fmt/format.h>

#include <QEvent>
#include <QVBoxLayout>

#include <algorithm>

namespace kvviz::views {

CurveView::CurveView(Selection* selection, CaptureList* captures, QWidget* parent)
    : QWidget(parent), m_selection(selection), m_captures(captures), m_plot(new QCustomPlot(this)),
      m_layout(plot::makeFreeLayout(m_plot)), m_sorted(std::make_unique<plot::CurveItem>(m_plot, m_layout)),
      m_positional(std::make_unique<plot::CurveItem>(m_plot, m_layout)), m_legend(new plot::LegendBlock(m_plot))
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_plot);
    setMinimumSize(260, 220);
    m_plot->setAccessibleName(tr("Cumulative attention"));
    m_style = plot::PlotStyle::screen(palette(), logicalDpiX());
    connect(m_selection, &Selection::changed, this, [this](Selection::Parts parts) {
        if (parts & (Selection::capture | Selection::map | Selection::sinks))
            load();
    });
    connect(&m_task, &BackgroundTask::failed, this, &CurveView::failed);
    connect(&m_task, &BackgroundTask::idle, this, &CurveView::idle);
    load();
}

void CurveView::load()
{
    const SelectionState state = m_selection->state();
    m_task.run([this, state, captures = m_captures]() -> BackgroundTask::Finish {
        const auto reader = captures->reader(state.capture);
        const core::CaptureInfo& info = reader->info();
        const std::int64_t slot = plot::layerSlot(info, state.layer, reader->name());
        const auto heads = plot::headSlots(info, state.head, reader->name());
        plot::CurveRequest request;
        request.sinkTokens = state.sinkTokens;
        request.onlyWithoutSinks = state.withoutSinks;
        plot::CumulativeCurves curves(request);
        const std::string name =
            fmt::format("layer {}, {}", info.layers.at(static_cast<std::size_t>(slot)), plot::headsText(info, heads));
        const core::LayerData layer = reader->loadLayer(slot, core::Need::stats);
        curves.addLayer(name, layer, heads);
        plot::CurveFigure figure;
        figure.panels = {curves.panel(), plot::positionalPanel(layer, heads, request)};
        figure.legendNotes = {{fmt::format("without first {} keys", state.sinkTokens), true}};
        return [this, figure = std::move(figure)] {
            show(figure);
        };
    });
}

void CurveView::show(const plot::CurveFigure& figure)
{
    m_figure = figure;
    m_plot->setBackground(QBrush(m_style.background));
    m_sorted->setPanel(m_figure.panels.front(), m_style);
    m_positional->setPanel(m_figure.panels.back(), m_style);
    m_legend->setEntries(m_figure, m_style);
    arrange();
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void CurveView::arrange()
{
    if (m_figure.panels.empty())
        return;
    const QSizeF canvas = m_plot->size();
    const double edge = m_style.units(6), width = canvas.width() - 2 * edge;
    const double legend = m_legend->heightForWidth(width) + m_style.units(4);
    const double height = std::min((canvas.height() - 2 * edge - legend) / 2, width * 0.85);
    m_sorted->place(QRectF(edge, edge, width, height), canvas);
    m_positional->place(QRectF(edge, edge + height, width, height), canvas);
    m_legend->place(QRectF(edge, edge + 2 * height + m_style.units(4), width, legend));
}

void CurveView::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    arrange();
}

void CurveView::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() != QEvent::PaletteChange && event->type() != QEvent::FontChange)
        return;
    m_style = plot::PlotStyle::screen(palette(), logicalDpiX());
    if (!m_figure.panels.empty())
        show(plot::CurveFigure(m_figure));
}

} // namespace kvviz::views
