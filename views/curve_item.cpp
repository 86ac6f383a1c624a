// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/curve_item.hpp"

#include "views/heatmap_panel.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::plot {

namespace {

constexpr std::size_t kManyPoints = 12;
constexpr double kSubtitleScale = 0.85;
constexpr int kMostTicks = 8; // about: more say nothing, and longer numbers than margins are made for

} // namespace

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
    m_plottables.emplace_back(graph);
    return graph;
}

void CurveItem::addBand(const CurveSeries& series)
{
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= series.x.size(); ++i) {
        if (i < series.x.size() && std::isfinite(series.low[i]) && std::isfinite(series.high[i]))
            continue;
        if (i > begin)
            addBandRun(series, begin, i);
        begin = i + 1;
    }
}

void CurveItem::addBandRun(const CurveSeries& series, std::size_t begin, std::size_t end)
{
    const auto part = [&](const std::vector<double>& values) {
        return std::vector<double>(values.begin() + static_cast<std::ptrdiff_t>(begin),
                                   values.begin() + static_cast<std::ptrdiff_t>(end));
    };
    const std::vector<double> places = part(series.x);
    const QVector<double> x(places.begin(), places.end());
    QCPGraph* low = addGraph(x, part(series.low));
    QCPGraph* high = addGraph(x, part(series.high));
    QColor fill = series.reference ? m_style.subtle : colorOf(series, m_style);
    fill.setAlphaF(m_style.dark ? 0.25f : 0.15f);
    high->setBrush(fill);
    high->setChannelFillGraph(low);
}

void CurveItem::addErrorBars(const CurveSeries& series, QCPGraph* points)
{
    QVector<double> below, above;
    for (std::size_t i = 0; i < series.y.size(); ++i) {
        below.append(series.y[i] - series.low[i]);
        above.append(series.high[i] - series.y[i]);
    }
    auto* bars = new QCPErrorBars(points->keyAxis(), points->valueAxis()); // owned by the plot
    bars->setDataPlottable(points);
    bars->setData(below, above);
    QColor color = colorOf(series, m_style);
    if (!series.line && series.x.size() > kManyPoints) // a cloud: the points count, bars stay behind them
        color.setAlphaF(0.35f);
    const double width = series.line ? 1.6 : series.x.size() > kManyPoints ? 0.0 : 2.5;
    bars->setPen(m_style.pen(color, series.line || width == 0 ? 0.45 : 0.6));
    bars->setWhiskerWidth(m_style.units(width));
    bars->setSymbolGap(0);
    bars->setLayer(QStringLiteral("grid")); // behind all lines and markers
    m_plottables.emplace_back(bars);
}

void CurveItem::setPanel(const CurvePanel& panel, const PlotStyle& style)
{
    m_panel = panel;
    m_style = style;
    for (auto plottable = m_plottables.rbegin(); plottable != m_plottables.rend(); ++plottable)
        if (*plottable)
            m_plot->removePlottable(*plottable);
    m_plottables.clear();
    setUpAxes();
    for (const CurveSeries& series : panel.series)
        if (!series.low.empty() && series.line && !series.whiskers)
            addBand(series);
    for (const CurveSeries& series : panel.series) {
        QVector<double> places(series.x.begin(), series.x.end());
        for (std::size_t i = 0; i < series.low.size(); ++i)
            if (std::isfinite(series.low[i]))
                places[static_cast<int>(i)] += series.shift;
        QCPGraph* graph = addGraph(places, series.y);
        QPen pen = seriesPen(series, style);
        pen.setJoinStyle(Qt::RoundJoin);
        graph->setPen(pen);
        graph->setAntialiased(true);
        graph->setLineStyle(series.line ? QCPGraph::lsLine : QCPGraph::lsNone);
        graph->setScatterStyle(markerOf(series, style));
        if (!series.low.empty() && (!series.line || series.whiskers))
            addErrorBars(series, graph);
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
    y->grid()->setZeroLinePen(m_panel.zeroLine ? m_style.pen(m_style.axis, 0.6 * m_style.spread) : QPen(Qt::NoPen));
    setUpScale(x, y);
    x->setRange(m_panel.xLow, m_panel.xHigh);
    x->setRangeReversed(m_panel.falling);
    y->setRange(m_panel.yLow, m_panel.yHigh);
}

void CurveItem::setUpScale(QCPAxis* x, QCPAxis* y)
{
    if (m_panel.logX) {
        x->setScaleType(QCPAxis::stLogarithmic);
        const auto ticker = QSharedPointer<QCPAxisTickerLog>::create();
        const bool few = m_panel.xHigh < 100 * m_panel.xLow;
        if (few)
            ticker->setLogBase(2); // powers of ten would be one or two ticks
        ticker->setSubTickCount(few ? 0 : 8);
        x->setTicker(ticker);
        x->setSubTicks(true);
        const bool whole = m_panel.xLow >= 1;
        x->setNumberFormat(whole ? QStringLiteral("f") : QStringLiteral("g"));
        x->setNumberPrecision(whole ? 0 : 3);
    } else {
        x->setScaleType(QCPAxis::stLinear);
        x->setTicker(numberTicker());
        x->setSubTicks(false);
        x->setNumberPrecision(5);
    }
    if (m_panel.xStep > 0) {
        const auto ticker = QSharedPointer<QCPAxisTickerFixed>::create();
        ticker->setTickStep(m_panel.xStep);
        x->setTicker(ticker);
        x->setNumberFormat(QStringLiteral("f"));
        x->setNumberPrecision(std::max(0, static_cast<int>(std::ceil(-std::log10(m_panel.xStep) - 1e-9))));
    }
    if (m_panel.logY) {
        y->setScaleType(QCPAxis::stLogarithmic);
        y->setTicker(QSharedPointer<QCPAxisTickerLog>::create());
    } else {
        y->setScaleType(QCPAxis::stLinear);
        y->setTicker(numberTicker());
    }
    y->setSubTicks(m_panel.logY);
    y->setNumberPrecision(4);
}

double CurveItem::yLabelWidth() const
{
    if (m_panel.logY) {
        double lowest = 1; // powers of ten down to it have labels
        while (lowest > m_panel.yLow * 10 && lowest > 1e-4)
            lowest /= 10;
        return m_style.textWidth(QString::number(lowest), 0.9);
    }
    if (std::max(std::abs(m_panel.yLow), std::abs(m_panel.yHigh)) >= 5)
        return std::max(m_style.textWidth(QStringLiteral("\u2212%1").arg(qRound(-m_panel.yLow)), 0.9),
                        m_style.textWidth(QString::number(qRound(m_panel.yHigh)), 0.9));
    // Two decimals of a small range are the widest labels that occur.
    const QString widest = m_panel.yHigh < 0.1 ? QStringLiteral("0.025") : QStringLiteral("0.25");
    return m_style.textWidth(m_panel.yLow < -0.1 * m_panel.yHigh ? QStringLiteral("\u22120.25") : widest, 0.9);
}

namespace {

double axisWidth(const PlotStyle& style) { return style.units(2.2 + 1.4 + 1.6 + 1.0); }

} // namespace

double CurveItem::leftMargin() const { return axisWidth(m_style) + yLabelWidth() + m_style.lineHeight(); }

double CurveItem::topMargin() const
{
    const bool titled = !m_panel.title.empty() || !m_panel.letter.empty();
    const double subtitle = m_panel.subtitle.empty() ? 0.0 : m_style.lineHeight(kSubtitleScale);
    return (titled ? m_style.lineHeight() + m_style.units(2) : m_style.lineHeight(0.9) / 2) + subtitle;
}

double CurveItem::bottomMargin(bool xLabel) const
{
    return axisWidth(m_style) + m_style.lineHeight(0.9) + (xLabel ? m_style.lineHeight() : 0.0);
}

double CurveItem::rightMargin() const { return m_style.units(7); } // half of the last tick label

void CurveItem::place(const QRectF& rect, QSizeF canvas)
{
    placeAxes(rect.adjusted(leftMargin(), topMargin(), -rightMargin(), -bottomMargin(true)), canvas, true, true);
}

void CurveItem::placeAxes(const QRectF& inner, QSizeF canvas, bool yTexts, bool xLabel)
{
    placeElement(m_layout, m_rect, inner, canvas);
    QCPAxis* x = m_rect->axis(QCPAxis::atBottom);
    QCPAxis* y = m_rect->axis(QCPAxis::atLeft);
    const double top = inner.top() - topMargin(), right = inner.right() + rightMargin();
    const auto setLabel = [&](QCPAxis* axis, const std::string& label, double room) {
        const QString text = QString::fromStdString(label);
        const double scale = fittingScale(text, room, 1.0, m_style);
        axis->setLabel(elided(text, room, scale, m_style));
        axis->setLabelFont(m_style.font(scale));
    };
    setLabel(x, xLabel ? m_panel.xLabel : "", inner.width() + 2 * rightMargin());
    setLabel(y, yTexts ? m_panel.yLabel : "", inner.height() + topMargin());
    y->setTickLabels(yTexts);
    const double tickPt = m_panel.falling ? 17 : 22; // of whole percents; longer numbers look crowded
    const int fewest = inner.height() < 4 * m_style.lineHeight(0.9) ? 2 : 3; // what is low has no room for more
    if (!m_panel.logY)
        y->ticker()->setTickCount(
            std::clamp(static_cast<int>(inner.height() / m_style.units(tickPt * m_style.spread)), fewest, kMostTicks));
    if (!m_panel.logX && m_panel.xStep <= 0)
        x->ticker()->setTickCount(std::max(3, static_cast<int>(inner.width() / m_style.units(30 * m_style.spread))));
    m_title->setPieces(heading(inner.left(), top, right));
}

QString CurveItem::letter() const
{
    return m_panel.letter.empty() ? QString() : QStringLiteral("(%1) ").arg(QString::fromStdString(m_panel.letter));
}

double CurveItem::titleScale(double width) const
{
    const double room = width + rightMargin() - m_style.textWidth(letter(), 1.0, true);
    return fittingScale(QString::fromStdString(m_panel.title), room, 1.0, m_style);
}

std::vector<TextPiece> CurveItem::heading(double left, double top, double right) const
{
    std::vector<TextPiece> pieces;
    const auto add = [&](double from, double above, const QString& text, double scale, bool bold, double height = 1) {
        const double fitting = bold ? scale : fittingScale(text, right - from, scale, m_style);
        pieces.push_back({QRectF(from, above, right - from, m_style.lineHeight(height)),
                          Qt::AlignLeft | Qt::AlignVCenter, bold ? text : elided(text, right - from, fitting, m_style),
                          m_style.font(fitting, bold), m_style.text});
    };
    const double titleLeft = left + m_style.textWidth(letter(), 1.0, true);
    if (!m_panel.letter.empty())
        add(left, top, letter(), 1.0, true);
    if (!m_panel.title.empty())
        add(titleLeft, top, QString::fromStdString(m_panel.title), m_titleScale, false);
    if (!m_panel.subtitle.empty())
        add(left, top + m_style.lineHeight(), QString::fromStdString(m_panel.subtitle), kSubtitleScale, false,
            kSubtitleScale);
    return pieces;
}

} // namespace kvviz::plot
