// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/curve_view.hpp"

#include "views/capture_choice.hpp"
#include "views/curve_data.hpp"
#include "views/figure_scene.hpp"

#include <fmt/format.h>

#include <QVBoxLayout>

#include <algorithm>

namespace kvviz::views {

namespace {

const plot::CurveFigure& content(const plot::Figure& figure) { return std::get<plot::CurveFigure>(figure.content); }

} // namespace

CurveView::CurveView(const ViewContext& context, QWidget* parent)
    : View(context, parent), m_plot(new QCustomPlot(this)),
      m_layout(plot::makeFreeLayout(m_plot)), m_sorted(std::make_unique<plot::CurveItem>(m_plot, m_layout)),
      m_positional(std::make_unique<plot::CurveItem>(m_plot, m_layout)), m_legend(new plot::LegendBlock(m_plot))
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_plot);
    setMinimumSize(260, 220);
    m_plot->setAccessibleName(tr("Cumulative attention"));
    setFocusPolicy(Qt::StrongFocus); // so that the panel can be held
    m_figure.content = plot::CurveFigure{};
    connect(m_context.selection, &Selection::changed, this, [this](Selection::Parts parts) {
        if (parts & (Selection::capture | Selection::map | Selection::sinks))
            load();
    });
    load();
}

void CurveView::load()
{
    const SelectionState now = state();
    m_task.run([this, now, captures = m_context.captures]() -> BackgroundTask::Finish {
        const auto reader = captures->reader(now.capture);
        const core::CaptureInfo& info = reader->info();
        const std::int64_t slot = plot::layerSlot(info, now.layer, reader->name());
        const auto heads = plot::headSlots(info, now.head, reader->name());
        plot::CurveRequest request;
        request.sinkTokens = now.sinkTokens;
        request.onlyWithoutSinks = now.withoutSinks;
        plot::CumulativeCurves curves(request);
        const std::string name =
            fmt::format("layer {}, {}", info.layers.at(static_cast<std::size_t>(slot)), plot::headsText(info, heads));
        const core::LayerData layer = reader->loadLayer(slot, core::Need::stats);
        curves.addLayer(name, layer, heads);
        plot::CurveFigure content;
        content.panels = {curves.panel(), plot::positionalPanel(layer, heads, request)};
        content.legendNotes = {{fmt::format("without first {} keys", now.sinkTokens), true}};
        plot::Figure figure;
        figure.name = "cumulative";
        figure.content = std::move(content);
        figure.sources = {plot::provenanceOf(*reader)};
        return [this, figure = std::move(figure)] {
            show(figure);
        };
    });
}

std::optional<plot::Figure> CurveView::figure() const
{
    return content(m_figure).panels.empty() ? std::nullopt : std::optional(m_figure);
}

void CurveView::show(const plot::Figure& figure)
{
    m_figure = figure;
    const plot::CurveFigure& curves = content(m_figure);
    m_plot->setBackground(QBrush(m_style.background));
    m_sorted->setPanel(curves.panels.front(), m_style);
    m_positional->setPanel(curves.panels.back(), m_style);
    m_legend->setEntries(curves, m_style);
    arrange();
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void CurveView::arrange()
{
    if (content(m_figure).panels.empty())
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
    m_plot->replot(QCustomPlot::rpQueuedReplot); // the one of its own resize came before
}

void CurveView::styleChanged()
{
    if (!content(m_figure).panels.empty())
        show(plot::Figure(m_figure));
}

} // namespace kvviz::views
