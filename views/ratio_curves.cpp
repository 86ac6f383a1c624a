// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/ratio_curves.hpp"

#include "views/capture_choice.hpp"
#include "views/figure_scene.hpp"
#include "views/live_replay.hpp"
#include "views/live_series.hpp"

#include <fmt/format.h>

#include <QKeyEvent>
#include <QMouseEvent>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace kvviz::views {

namespace {

constexpr double kLeastRatio = 0.02;

plot::CurveFigure& content(plot::Figure& figure) { return std::get<plot::CurveFigure>(figure.content); }
const plot::CurveFigure& content(const plot::Figure& figure) { return std::get<plot::CurveFigure>(figure.content); }

using Values = std::vector<double> LiveCurve::*;

/// The budget as a fraction of the prompt; n 0: not known.
double budgetRatio(const compress::Budget& budget, std::int64_t n)
{
    return budget.tokens && n > 0 ? budget.nominalRatio(n) : budget.ratio;
}

plot::CurveSeries markerLine(double ratio, const plot::CurvePanel& panel)
{
    plot::CurveSeries line;
    line.name = "budget";
    line.named = false;
    line.reference = line.dashed = true;
    line.x = {ratio, ratio};
    line.y = {panel.yLow, panel.yHigh};
    return line;
}

/// The selected method at the budget: a ring, so that what is below stays visible.
plot::CurveSeries ring(const plot::CurveSeries& like, double ratio, double value)
{
    plot::CurveSeries point = like;
    point.named = false;
    point.line = false;
    point.markers = point.hollow = true;
    point.x = {ratio};
    point.y = {value};
    return point;
}

/// A round number that is at least as large.
double roundUp(double value)
{
    if (!(value > 0))
        return 1;
    const double decade = std::pow(10, std::floor(std::log10(value)));
    for (const double step : {1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0})
        if (step * decade >= value)
            return step * decade;
    return 10 * decade;
}

plot::CurvePanel panelOf(const std::vector<LiveCurve>& curves, const std::vector<std::string>& methods, Values values)
{
    plot::CurvePanel panel;
    panel.xLabel = "ratio of tokens kept";
    panel.xLow = 0;
    panel.xHigh = 1.02;
    for (const LiveCurve& curve : curves) {
        if (std::none_of((curve.*values).begin(), (curve.*values).end(), [](double y) { return std::isfinite(y); }))
            continue;
        plot::CurveSeries series = plot::liveSeries(curve.method, curve.title, methods);
        series.x = curve.ratio;
        series.y = curve.*values;
        series.line = curve.follows;
        series.markers = series.markers || !curve.follows;
        panel.series.push_back(std::move(series));
    }
    return panel;
}

std::pair<double, double> extentOf(const plot::CurvePanel& panel)
{
    double low = 1e300, high = -1e300;
    for (const plot::CurveSeries& series : panel.series)
        for (const double y : series.y)
            if (std::isfinite(y)) {
                low = std::min(low, y);
                high = std::max(high, y);
            }
    return {low, high};
}

std::vector<std::string> notesOf(const LiveLayer* layer, const SelectionState& state, bool points)
{
    std::vector<std::string> notes;
    notes.push_back(fmt::format("layer {}", state.layer));
    if (layer)
        notes.push_back("mean over heads and " + layer->evaluatedOn);
    if (layer) {
        const compress::Budget& budget = layer->budget;
        notes.push_back(fmt::format("dotted: ratio {:.3g}, {} of {} tokens a KV head", budgetRatio(budget, layer->n),
                                    budget.capacity(layer->n), layer->n));
    }
    if (points)
        notes.emplace_back("points without a line: methods of a size of their own, at their share of bytes or tokens");
    return notes;
}

} // namespace

plot::Figure ratioFigure(const std::vector<LiveCurve>& curves, const std::vector<std::string>& methods,
                         const LiveLayer* layer, const SelectionState& state)
{
    plot::Figure figure;
    figure.name = "ratio";
    plot::CurveFigure drawn;
    plot::CurvePanel mass = panelOf(curves, methods,
                                    state.withoutSinks ? &LiveCurve::retainedNonSink : &LiveCurve::retainedMass);
    mass.title = state.withoutSinks ? fmt::format("Retained attention without the first {} keys", state.sinkTokens)
                                    : "Retained attention";
    mass.yLabel = "retained mass";
    plot::CurvePanel error = panelOf(curves, methods, &LiveCurve::outputError);
    error.title = "Output error";
    error.yLabel = "relative error";
    const auto [massLow, massHigh] = extentOf(mass);
    mass.yLow = massLow > massHigh ? 0 : std::clamp(std::floor((massLow - 0.01) * 10) / 10, 0.0, 0.9);
    mass.yHigh = 1 + 0.03 * (1 - mass.yLow); // room for lines at 1
    const auto [errorLow, errorHigh] = extentOf(error);
    error.yLow = 0;
    error.yHigh = errorLow > errorHigh ? 1 : roundUp(errorHigh * 1.03);
    const double now = budgetRatio(layer ? layer->budget : compress::Budget{state.ratio, {}}, layer ? layer->n : 0);
    bool points = false;
    for (plot::CurvePanel* panel : {&mass, &error}) {
        points = points || std::any_of(panel->series.begin(), panel->series.end(),
                                       [](const plot::CurveSeries& one) { return !one.line; });
        if (panel->series.empty())
            continue;
        const bool isMass = panel == &mass;
        if (layer && layer->budgetUse == compress::BudgetUse::follows && (isMass ? !layer->oneDraw : !layer->coarse)) {
            const compress::LayerSummary& s = layer->summary;
            const double value = !isMass              ? s.meanOutputError
                                 : state.withoutSinks ? 1 - s.meanLostNonSink
                                                      : 1 - s.meanLost;
            if (std::isfinite(value))
                panel->series.push_back(ring(plot::liveSeries(layer->method, "", methods), now, value));
        }
        panel->series.push_back(markerLine(now, *panel));
        drawn.panels.push_back(*panel);
    }
    if (drawn.panels.size() > 1) {
        drawn.panels[0].letter = "a";
        drawn.panels[1].letter = "b";
    }
    drawn.notes = notesOf(layer, state, points);
    std::string names;
    for (const LiveCurve& curve : curves)
        names += (names.empty() ? "" : ";") + curve.method;
    figure.content = std::move(drawn);
    if (layer && layer->reader)
        figure.sources = {plot::provenanceOf(*layer->reader)};
    figure.parameters = {{"methods", names},
                         {"layer", std::to_string(state.layer)},
                         {"ratio", fmt::format("{:.6g}", now)},
                         {"sink_rule", fmt::format("first {} tokens", state.sinkTokens)},
                         {"sinks", state.withoutSinks ? fmt::format("without the first {} keys", state.sinkTokens) : "with"},
                         {"aggregate", "mean over heads, then over queries of the layer"}};
    return figure;
}

RatioCurves::RatioCurves(const ViewContext& context, QWidget* parent)
    : View(context, parent), m_plot(new QCustomPlot(this)),
      m_layout(plot::makeFreeLayout(m_plot)), m_mass(std::make_unique<plot::CurveItem>(m_plot, m_layout)),
      m_error(std::make_unique<plot::CurveItem>(m_plot, m_layout)), m_legend(new plot::LegendBlock(m_plot)),
      m_notes(new plot::TextBlock(m_plot))
{
    // On the screen only: joins of lines are not seen there, and cost half of the drawing.
    m_plot->setPlottingHint(QCP::phFastPolylines, true);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_plot);
    setMinimumSize(280, 240);
    setFocusPolicy(Qt::StrongFocus);
    m_plot->setAccessibleName(tr("Retained attention and output error against the ratio kept"));
    setAccessibleName(m_plot->accessibleName());
    setAccessibleDescription(tr("Left and Right move the ratio by a hundredth"));
    m_plot->setMouseTracking(true);
    m_plot->hide();
    m_figure.content = plot::CurveFigure{};
    connect(m_context.selection, &Selection::changed, this, [this](Selection::Parts parts) {
        if (parts & (Selection::method | Selection::sinks | Selection::map))
            showCurves();
    });
    if (m_context.live) {
        connect(m_context.live, &LiveReplay::curvesChanged, this, &RatioCurves::showCurves);
        connect(m_context.live, &LiveReplay::layerChanged, this, &RatioCurves::showCurves);
        connect(m_context.live, &LiveReplay::idle, this, &RatioCurves::idle);
    }
    connect(m_plot, &QCustomPlot::mousePress, this, [this](QMouseEvent* event) {
        setFocus();
        mouseAt(event->position(), event->button() == Qt::LeftButton);
    });
    connect(m_plot, &QCustomPlot::mouseMove, this, [this](QMouseEvent* event) {
        mouseAt(event->position(), event->buttons().testFlag(Qt::LeftButton));
    });
    connect(m_plot, &QCustomPlot::mouseRelease, this, [this] { m_throttle.flush(); });
    showCurves();
}

bool RatioCurves::busy() const { return View::busy() || (m_context.live && m_context.live->busy()); }

std::optional<plot::Figure> RatioCurves::figure() const
{
    return content(m_figure).panels.empty() ? std::nullopt : std::optional(m_figure);
}

void RatioCurves::showCurves()
{
    const auto curves = m_context.live ? m_context.live->curves() : nullptr;
    if (!curves || curves->empty()) {
        m_figure = {};
        m_figure.content = plot::CurveFigure{};
        m_plot->hide();
        return;
    }
    const auto layer = m_context.live->layer();
    m_figure = ratioFigure(*curves, m_context.live->methods(), layer.get(), state());
    const plot::CurveFigure& drawn = content(m_figure);
    m_plot->setBackground(QBrush(m_style.background));
    const auto set = [&](plot::CurveItem& item, std::size_t place) {
        item.setPanel(place < drawn.panels.size() ? drawn.panels[place] : plot::CurvePanel{}, m_style);
        item.axisRect()->setVisible(place < drawn.panels.size());
    };
    set(*m_mass, 0);
    set(*m_error, 1);
    m_legend->setEntries(drawn, m_style);
    m_plot->show();
    arrange();
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void RatioCurves::arrange()
{
    const plot::CurveFigure& drawn = content(m_figure);
    if (drawn.panels.empty())
        return;
    const QSizeF canvas = size();
    const double edge = m_style.units(6), width = canvas.width() - 2 * edge;
    QStringList texts;
    for (const std::string& note : drawn.notes)
        texts.append(QString::fromStdString(note));
    const QString text = texts.join(QStringLiteral(" \u00b7 "));
    const QFont font = m_style.font(0.85);
    const double notes = plot::wrappedHeight(text, font, width) + m_style.units(2);
    const double legend = m_legend->heightForWidth(width) + m_style.units(3);
    const double room = canvas.height() - 2 * edge - legend - notes;
    const bool beside = drawn.panels.size() > 1 && width > 1.5 * room;
    const double cell = beside ? width / 2 : width;
    const double height = beside || drawn.panels.size() < 2 ? room : room / 2;
    m_mass->place(QRectF(edge, edge, cell, height), canvas);
    m_error->place(beside ? QRectF(edge + cell, edge, cell, height) : QRectF(edge, edge + height, cell, height), canvas);
    m_legend->place(QRectF(edge, edge + room + m_style.units(2), width, legend));
    m_notes->setPieces({{QRectF(edge, canvas.height() - edge - notes, width, notes),
                         Qt::AlignLeft | Qt::AlignBottom | Qt::TextWordWrap, text, font, m_style.subtle}});
}

std::optional<double> RatioCurves::ratioAt(QPointF position) const
{
    for (const auto* item : {m_mass.get(), m_error.get()}) {
        const QCPAxisRect* rect = item->axisRect();
        if (rect->visible() && rect->rect().contains(position.toPoint()))
            return std::clamp(rect->axis(QCPAxis::atBottom)->pixelToCoord(position.x()), kLeastRatio, 1.0);
    }
    return std::nullopt;
}

void RatioCurves::mouseAt(QPointF position, bool pressed)
{
    const std::optional<double> ratio = m_plot->isHidden() ? std::nullopt : ratioAt(position);
    if (!ratio) {
        Q_EMIT hovered({});
        return;
    }
    const double rounded = std::round(*ratio * 200) / 200;
    Q_EMIT hovered(tr("ratio %1: click or drag to keep as much").arg(QString::number(rounded, 'g', 3)));
    if (pressed)
        m_throttle.call([this, rounded] { setRatio(rounded); });
}

void RatioCurves::setRatio(double ratio)
{
    m_context.selection->change([&](SelectionState& s) {
        s.ratio = std::clamp(ratio, kLeastRatio, 1.0);
        s.budgetTokens = 0;
    });
}

void RatioCurves::keyPressEvent(QKeyEvent* event)
{
    const int step = event->key() == Qt::Key_Right ? 1 : event->key() == Qt::Key_Left ? -1 : 0;
    if (step == 0)
        return View::keyPressEvent(event);
    const auto layer = m_context.live ? m_context.live->layer() : nullptr;
    const SelectionState& now = state();
    compress::Budget budget{now.ratio, {}};
    if (now.budgetTokens > 0)
        budget.tokens = now.budgetTokens;
    setRatio(std::round(budgetRatio(budget, layer ? layer->n : 0) * 100 + step) / 100);
}

void RatioCurves::resizeEvent(QResizeEvent* event)
{
    View::resizeEvent(event);
    arrange();
    m_plot->replot(QCustomPlot::rpQueuedReplot); // the plot drew itself at its new size before
}

void RatioCurves::showEvent(QShowEvent* event)
{
    View::showEvent(event);
    if (m_context.live)
        m_context.live->want(this, LiveReplay::wantCurves);
}

void RatioCurves::hideEvent(QHideEvent* event)
{
    View::hideEvent(event);
    if (m_context.live)
        m_context.live->want(this, 0);
}

void RatioCurves::styleChanged() { showCurves(); }

} // namespace kvviz::views
