// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/curve_item.hpp"

#include "views/heatmap_panel.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::plot {

CurveItem::CurveItem(QCustomPlot* plot, QCPLayoutInset* layout)
    : m_plot(plot), m_layout(layout), m_rect(new QCPAxisRect(plot)), m_title(new TextBlock(plot))
{
    layout->addElement(m_rect, QRectF(0, 0, 1, 1));
}

QCPGraph* CurveItem::addGraph(const QVector<double>& x, const std::vector<double>& y)
{
    auto* graph = m_plot->addGraph(m_rect->axis(QCPAxis::atBottom), m_rect->axis(QCPAxis::atLeft));
    graph->setData(x, QVector<double>(y.begin(), y.end()), true);
    graph->setAdaptiveSampling(false);
    graph->setPen(Qt::NoPen);
    m_graphs.emplace_back(graph);
    return graph;
}

void CurveItem::addBand(const CurveSeries& series)
{
    const QVector<double> x(series.x.begin(), series.x.end());
    QCPGraph* low = addGraph(x, series.low);
    QCPGraph* high = addGraph(x, series.high);
    QColor fill = seriesColor(series.color, m_style);
    fill.setAlphaF(m_style.dark ? 0.25f : 0.15f);
    high->setBrush(fill);
    high->setChannelFillGraph(low);
}

void CurveItem::setPanel(const CurvePanel& panel, const PlotStyle& style)
{
    m_panel = panel;
    m_style = style;
    for (const auto& graph : m_graphs)
        if (graph)
            m_plot->removeGraph(graph);
    m_graphs.clear();
    setUpAxes();
    for (const CurveSeries& series : panel.series)
        if (!series.low.empty())
            addBand(series);
    for (const CurveSeries& series : panel.series) {
        QCPGraph* graph = addGraph(QVector<double>(series.x.begin(), series.x.end()), series.y);
        QPen pen = seriesPen(series, style);
        pen.setJoinStyle(Qt::RoundJoin);
        graph->setPen(pen);
        graph->setAntialiased(true);
        if (series.markers)
            graph->setScatterStyle(seriesMarker(series.color, style));
    }
}

void CurveItem::setUpAxes()
{
    styleAxisRect(m_rect, m_style);
    QCPAxis* x = m_rect->axis(QCPAxis::atBottom);
    QCPAxis* y = m_rect->axis(QCPAxis::atLeft);
    for (QCPAxis::AxisType type : {QCPAxis::atTop, QCPAxis::atRight})
        m_rect->axis(type)->setVisible(false);
    x->setLabel(QString::fromStdString(m_panel.xLabel));
    y->setLabel(QString::fromStdString(m_panel.yLabel));
    if (m_panel.logX) {
        x->setScaleType(QCPAxis::stLogarithmic);
        const auto ticker = QSharedPointer<QCPAxisTickerLog>::create();
        if (m_panel.xHigh < 100)
            ticker->setLogBase(2); // powers of ten would be one or two ticks
        ticker->setSubTickCount(m_panel.xHigh < 100 ? 0 : 8);
        x->setTicker(ticker);
        x->setSubTicks(true);
        x->setNumberFormat(QStringLiteral("f"));
        x->setNumberPrecision(0);
    } else {
        x->setScaleType(QCPAxis::stLinear);
        x->setTicker(QSharedPointer<QCPAxisTicker>::create());
        x->setSubTicks(false);
        x->setNumberPrecision(5);
    }
    y->setSubTicks(false);
    y->setNumberPrecision(4);
    x->setRange(m_panel.xLow, m_panel.xHigh);
    y->setRange(m_panel.yLow, m_panel.yHigh);
}

double CurveItem::yLabelWidth() const
{
    // Two decimals of a small range are the widest labels that occur.
    const QString widest = m_panel.yHigh < 0.1   ? QStringLiteral("0.025")
                           : m_panel.yHigh < 0.5 ? QStringLiteral("0.25")
                                                 : QStringLiteral("0.8");
    return m_style.textWidth(widest, 0.9);
}

void CurveItem::place(const QRectF& rect, QSizeF canvas)
{
    const double axis = m_style.units(2.2 + 1.4 + 1.6 + 1.0);
    const bool titled = !m_panel.title.empty() || !m_panel.letter.empty();
    const double left = axis + yLabelWidth() + m_style.lineHeight();
    const double top = titled ? m_style.lineHeight() + m_style.units(2) : m_style.lineHeight(0.9) / 2;
    const double bottom = axis + m_style.lineHeight(0.9) + m_style.lineHeight();
    const double right = m_style.units(7); // half of the last tick label
    const QRectF inner = rect.adjusted(left, top, -right, -bottom);
    placeElement(m_layout, m_rect, inner, canvas);
    m_rect->axis(QCPAxis::atLeft)
        ->ticker()
        ->setTickCount(std::max(3, static_cast<int>(inner.height() / m_style.units(22 * m_style.spread))));
    if (!m_panel.logX)
        m_rect->axis(QCPAxis::atBottom)
            ->ticker()
            ->setTickCount(std::max(3, static_cast<int>(inner.width() / m_style.units(30 * m_style.spread))));
    std::vector<TextPiece> pieces;
    double titleLeft = inner.left();
    if (!m_panel.letter.empty()) {
        const QString letter = QStringLiteral("(%1)").arg(QString::fromStdString(m_panel.letter));
        pieces.push_back({QRectF(titleLeft, rect.top(), rect.width(), m_style.lineHeight()),
                          Qt::AlignLeft | Qt::AlignVCenter, letter, m_style.font(1.0, true), m_style.text});
        titleLeft += m_style.textWidth(letter + QLatin1Char(' '), 1.0, true);
    }
    if (!m_panel.title.empty())
        pieces.push_back({QRectF(titleLeft, rect.top(), rect.right() - titleLeft, m_style.lineHeight()),
                          Qt::AlignLeft | Qt::AlignVCenter, QString::fromStdString(m_panel.title), m_style.font(),
                          m_style.text});
    m_title->setPieces(std::move(pieces));
}

} // namespace kvviz::plot
