// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/step_plot.hpp"

#include "views/figure_scene.hpp"
#include "views/painted_item.hpp"

#include <QMouseEvent>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace kvviz::views {

namespace {

constexpr double kLeastLines = 3; // of text, as high as a panel below another one has to be

} // namespace

StepPlot::StepPlot(QWidget* parent)
    : QWidget(parent),
      m_plot(new QCustomPlot(this)),
      m_layout(plot::makeFreeLayout(m_plot)),
      m_legend(new plot::LegendBlock(m_plot)),
      m_line(new plot::PaintedItem(m_plot, [this](QPainter& painter) { paintStep(painter); }))
{
    // On the screen only: joins of lines are not seen there, and cost half of the drawing.
    m_plot->setPlottingHint(QCP::phFastPolylines, true);
    m_line->setLayer(QStringLiteral("overlay"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_plot);
    m_plot->setMouseTracking(true);
    m_plot->setAccessibleName(tr("Lost mass, kept tokens and log-probability of each decode step"));
    connect(m_plot, &QCustomPlot::mousePress, this, [this](QMouseEvent* event) {
        if (const std::int64_t step = stepAt(event->position()); step >= 0 && event->button() == Qt::LeftButton)
            Q_EMIT stepChosen(step);
    });
    connect(m_plot, &QCustomPlot::mouseMove, this, [this](QMouseEvent* event) {
        const std::int64_t step = stepAt(event->position());
        if (step >= 0 && event->buttons().testFlag(Qt::LeftButton))
            Q_EMIT stepChosen(step);
        Q_EMIT stepHovered(step);
    });
}

void StepPlot::setFigure(const plot::CurveFigure& figure, const plot::PlotStyle& style)
{
    m_style = style;
    m_plot->setBackground(QBrush(style.background));
    m_panels = figure.panels.size();
    while (m_items.size() < m_panels)
        m_items.push_back(std::make_unique<plot::CurveItem>(m_plot, m_layout));
    for (std::size_t i = 0; i < m_items.size(); ++i) {
        m_items[i]->axisRect()->setVisible(i < m_panels);
        if (i >= m_panels) // stays for later, without curves and title
            m_items[i]->setPanel({}, style);
        for (QCPAxis* axis : m_items[i]->axisRect()->axes())
            axis->setVisible(i < m_panels);
    }
    m_steps = 0;
    for (const plot::CurvePanel& panel : figure.panels)
        m_steps = std::max<std::int64_t>(m_steps, std::ssize(panel.series.front().x));
    m_figure = figure;
    m_legend->setEntries(figure, style);
    setPanels();
    arrange();
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void StepPlot::setStep(std::int64_t step)
{
    if (step == m_step)
        return;
    m_step = step;
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

/// Side by side there is room for the short form of a title, which says what the axis would.
void StepPlot::setPanels()
{
    for (std::size_t i = 0; i < m_panels; ++i) {
        plot::CurvePanel panel = m_figure.panels[i];
        if (m_beside) {
            panel.title = panel.title.substr(0, panel.title.find(','));
            panel.yLabel.clear();
            panel.xLabel.clear();
        }
        m_items[i]->setPanel(panel, m_style);
    }
}

void StepPlot::arrange()
{
    if (m_panels == 0)
        return;
    const QSizeF canvas = m_plot->size();
    const double edge = m_style.units(5), width = canvas.width() - 2 * edge;
    const double legend = m_legend->heightForWidth(width) + m_style.units(2);
    double fixed = 2 * edge + legend;
    for (std::size_t i = 0; i < m_panels; ++i)
        fixed += m_items[i]->topMargin() + m_items[i]->bottomMargin(i + 1 == m_panels);
    const double height = (canvas.height() - fixed) / static_cast<double>(m_panels);
    const bool beside = m_panels > 1 && height < kLeastLines * m_style.lineHeight();
    if (beside != m_beside) {
        m_beside = beside;
        setPanels();
    }
    if (beside)
        arrangeBeside(QRectF(edge, edge, width, canvas.height() - 2 * edge - legend));
    else
        arrangeBelow(edge, width, std::max(8.0, height));
    for (std::size_t i = m_panels; i < m_items.size(); ++i)
        m_items[i]->placeAxes(QRectF(0, 0, 1, 1), canvas, false, false);
    m_legend->place(QRectF(edge, canvas.height() - edge - legend + m_style.units(2), width, legend));
}

void StepPlot::arrangeBelow(double edge, double width, double height)
{
    double left = 0, top = edge;
    for (std::size_t i = 0; i < m_panels; ++i)
        left = std::max(left, m_items[i]->leftMargin());
    for (std::size_t i = 0; i < m_panels; ++i) {
        plot::CurveItem& item = *m_items[i];
        const bool last = i + 1 == m_panels;
        top += item.topMargin();
        item.placeAxes(QRectF(edge + left, top, width - left - item.rightMargin(), height), m_plot->size(), true, last);
        top += height + item.bottomMargin(last);
    }
}

void StepPlot::arrangeBeside(const QRectF& rect)
{
    const double cell = rect.width() / static_cast<double>(m_panels);
    for (std::size_t i = 0; i < m_panels; ++i) {
        plot::CurveItem& item = *m_items[i];
        const QRectF whole(rect.left() + static_cast<double>(i) * cell, rect.top(), cell, rect.height());
        item.placeAxes(whole.adjusted(item.leftMargin() - m_style.lineHeight(), item.topMargin(), -item.rightMargin(),
                                      -item.bottomMargin(false)),
                       m_plot->size(), true, false);
    }
}

void StepPlot::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    m_plot->setGeometry(rect());
    arrange();
    m_plot->replot(QCustomPlot::rpQueuedReplot); // the one of its own resize came before
}

std::int64_t StepPlot::stepAt(QPointF position) const
{
    for (std::size_t i = 0; i < m_panels; ++i) {
        const QCPAxisRect* rect = m_items[i]->axisRect();
        if (position.x() < rect->left() || position.x() > rect->right())
            continue;
        const double step = rect->axis(QCPAxis::atBottom)->pixelToCoord(position.x());
        return std::clamp<std::int64_t>(std::llround(step), 0, m_steps - 1);
    }
    return -1;
}

void StepPlot::paintStep(QPainter& painter) const
{
    if (m_step < 0)
        return;
    painter.setPen(m_style.pen(m_style.sink, 1.2));
    for (std::size_t i = 0; i < m_panels; ++i) {
        const QCPAxisRect* rect = m_items[i]->axisRect();
        const double x = rect->axis(QCPAxis::atBottom)->coordToPixel(static_cast<double>(m_step));
        painter.drawLine(QPointF(x, rect->top()), QPointF(x, rect->bottom()));
    }
}

} // namespace kvviz::views
