// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/curve_view.hpp"

#include "compress/budget.hpp"
#include "core/error.hpp"
#include "views/capture_choice.hpp"
#include "views/figure_scene.hpp"

#include <fmt/format.h>

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QSignalBlocker>
#include <QVBoxLayout>

#include <algorithm>

namespace kvviz::views {

namespace {

constexpr std::size_t kAtOnce = 8;      // captures between two pictures, so that a folder fills in
constexpr int kMostCaptures = 200; // a line is a mean: more would take long and move nothing

plot::CurveFigure& content(plot::Figure& figure) { return std::get<plot::CurveFigure>(figure.content); }
const plot::CurveFigure& content(const plot::Figure& figure) { return std::get<plot::CurveFigure>(figure.content); }

plot::CurveSeries budgetLine(double keys, const plot::CurvePanel& panel)
{
    plot::CurveSeries line;
    line.name = "budget";
    line.named = false;
    line.reference = line.dashed = true;
    line.x = {keys, keys};
    line.y = {panel.yLow, panel.yHigh};
    return line;
}

} // namespace

struct CurveView::Reading {
    SelectionState now;
    plot::CurveRequest request;
    plot::CumulativeCurves curves;
    plot::CurvePanel inOrder; ///< of the selected capture
    std::vector<int> captures; ///< the selected one first
    std::size_t done = 0;
    std::int64_t prompt = 0;
    std::size_t tooMany = 0; ///< open captures that are not read
    std::vector<plot::LeftOut> leftOut;

    Reading(const SelectionState& state, const plot::CurveRequest& asked) : now(state), request(asked), curves(asked) {}

    void readSelected(const io::CaptureReader& reader)
    {
        const core::CaptureInfo& info = reader.info();
        const std::int64_t slot = plot::layerSlot(info, request.layer, reader.name());
        inOrder = plot::positionalPanel(reader.loadLayer(slot, core::Need::stats),
                                        plot::headSlots(info, request.head, reader.name()), request);
        inOrder.title = now.curvesOf == CurvesOf::tasks ? fmt::format("{}, in order", info.prompt.id) : "";
        prompt = info.nPrompt();
        curves.add(reader);
    }

    void read(CaptureList& list)
    {
        for (const std::size_t end = std::min(captures.size(), done + kAtOnce); done < end; ++done) {
            const int capture = captures[done];
            if (done == 0) {
                readSelected(*list.reader(capture));
                continue;
            }
            try {
                curves.add(*list.reader(capture));
            } catch (const core::Error& error) { // another model, other layers, gone: the rest counts
                leftOut.push_back({list.label(capture).toStdString(), error.what()});
            }
        }
    }

    [[nodiscard]] plot::Figure figure() const
    {
        plot::Figure figure = curves.figure();
        plot::CurveFigure& drawn = content(figure);
        drawn.panels.push_back(inOrder);
        drawn.panels[0].letter = "a";
        drawn.panels[1].letter = "b";
        if (!leftOut.empty())
            drawn.notes.push_back(fmt::format("left out: {} without this layer or head", leftOut.size()));
        if (tooMany > 0)
            drawn.notes.push_back(fmt::format("the first {} captures, {} more are open", captures.size(), tooMany));
        figure.leftOut = leftOut;
        return figure;
    }
};

CurveView::CurveView(const ViewContext& context, QWidget* parent)
    : View(context, parent), m_of(new QComboBox), m_log(new QCheckBox(tr("&log axis"))), m_plot(new QCustomPlot(this)),
      m_layout(plot::makeFreeLayout(m_plot)), m_sorted(std::make_unique<plot::CurveItem>(m_plot, m_layout)),
      m_positional(std::make_unique<plot::CurveItem>(m_plot, m_layout)), m_legend(new plot::LegendBlock(m_plot)),
      m_notes(new plot::TextBlock(m_plot))
{
    // On the screen only: joins of lines are not seen there, and cost half of the drawing.
    m_plot->setPlottingHint(QCP::phFastPolylines, true);
    buildControls();
    setMinimumSize(260, 220);
    m_plot->setAccessibleName(tr("Cumulative attention"));
    setAccessibleName(m_plot->accessibleName());
    setFocusPolicy(Qt::StrongFocus); // so that the panel can be held
    m_figure.content = plot::CurveFigure{};
    connect(m_context.selection, &Selection::changed, this, [this](Selection::Parts parts) {
        if (parts & (Selection::capture | Selection::map | Selection::sinks | Selection::curves))
            load();
        else if (parts & Selection::method)
            showBudget();
    });
    load();
}

void CurveView::buildControls()
{
    m_of->addItem(tr("this capture"), static_cast<int>(CurvesOf::capture));
    m_of->addItem(tr("all open, by task"), static_cast<int>(CurvesOf::tasks));
    m_of->setAccessibleName(tr("Whose curves"));
    m_log->setToolTip(tr("Logarithmic axis of keys in the sorted curves"));
    auto* label = new QLabel(tr("Cu&rves of"));
    label->setBuddy(m_of);
    auto* controls = new QHBoxLayout;
    controls->setContentsMargins(6, 4, 6, 4);
    for (QWidget* widget : {static_cast<QWidget*>(label), static_cast<QWidget*>(m_of), static_cast<QWidget*>(m_log)})
        controls->addWidget(widget);
    controls->addStretch(1);
    m_of->setMinimumHeight(24);
    m_log->setMinimumHeight(24);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addLayout(controls);
    layout->addWidget(m_plot, 1);
    connect(m_of, &QComboBox::currentIndexChanged, this, [this] {
        const auto wanted = static_cast<CurvesOf>(m_of->currentData().toInt());
        m_context.selection->change([wanted](SelectionState& s) { s.curvesOf = wanted; });
    });
    connect(m_log, &QCheckBox::toggled, this, [this](bool on) {
        m_context.selection->change([on](SelectionState& s) { s.curvesLogarithmic = on; });
    });
}

plot::CurveRequest CurveView::requestOf(const SelectionState& now) const
{
    plot::CurveRequest request;
    request.layer = now.layer;
    request.head = now.head;
    request.sinkTokens = now.sinkTokens;
    request.onlyWithoutSinks = now.withoutSinks;
    request.logX = now.curvesLogarithmic;
    return request;
}

void CurveView::load()
{
    const SelectionState now = state();
    const QSignalBlocker ofBlocker(m_of), logBlocker(m_log);
    m_of->setCurrentIndex(m_of->findData(static_cast<int>(now.curvesOf)));
    m_log->setChecked(now.curvesLogarithmic);
    const auto reading = std::make_shared<Reading>(now, requestOf(now));
    reading->captures.push_back(now.capture);
    const int open = now.curvesOf == CurvesOf::tasks ? m_context.captures->size() : 0;
    for (int capture = 0; capture < open; ++capture)
        if (capture != now.capture && std::ssize(reading->captures) < kMostCaptures)
            reading->captures.push_back(capture);
        else if (capture != now.capture)
            ++reading->tooMany;
    readSome(reading);
}

void CurveView::readSome(const std::shared_ptr<Reading>& reading)
{
    m_task.run([this, reading, captures = m_context.captures]() -> BackgroundTask::Finish {
        reading->read(*captures);
        return [this, reading, figure = reading->figure()] {
            m_figure = figure;
            m_prompt = reading->prompt;
            showCurves();
            if (reading->done < reading->captures.size())
                readSome(reading);
        };
    });
}

plot::Figure CurveView::withBudget() const
{
    plot::Figure figure = m_figure;
    plot::CurveFigure& drawn = content(figure);
    if (drawn.panels.empty() || m_prompt <= 0)
        return figure;
    compress::Budget budget{state().ratio, {}};
    if (state().budgetTokens > 0)
        budget.tokens = state().budgetTokens;
    const std::int64_t kept = budget.capacity(m_prompt);
    drawn.panels.front().series.push_back(budgetLine(static_cast<double>(kept), drawn.panels.front()));
    drawn.notes.push_back(fmt::format("dotted: budget, {} of {} tokens", kept, m_prompt));
    figure.parameters.emplace_back("budget", fmt::format("{} of {} tokens", kept, m_prompt));
    return figure;
}

std::optional<plot::Figure> CurveView::figure() const
{
    return content(m_figure).panels.empty() ? std::nullopt : std::optional(withBudget());
}

void CurveView::showCurves()
{
    const plot::Figure figure = withBudget();
    const plot::CurveFigure& curves = content(figure);
    if (curves.panels.empty())
        return;
    m_plot->setBackground(QBrush(m_style.background));
    m_sorted->setPanel(curves.panels.front(), m_style);
    m_positional->setPanel(curves.panels.back(), m_style);
    m_legend->setEntries(curves, m_style);
    arrange();
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

/// While a slider moves: nothing else is another one.
void CurveView::showBudget()
{
    if (!isVisible() || content(m_figure).panels.empty())
        return;
    const plot::Figure figure = withBudget();
    m_sorted->setPanel(content(figure).panels.front(), m_style);
    arrange();
    m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void CurveView::showEvent(QShowEvent* event)
{
    View::showEvent(event);
    showBudget(); // it may have moved meanwhile
}

void CurveView::arrange()
{
    if (content(m_figure).panels.empty())
        return;
    const QSizeF canvas = m_plot->size();
    const double edge = m_style.units(6), width = canvas.width() - 2 * edge;
    QStringList texts;
    const plot::Figure figure = withBudget();
    for (const std::string& note : content(figure).notes)
        texts.append(QString::fromStdString(note));
    const QString text = texts.join(QStringLiteral(" \u00b7 "));
    const QFont font = m_style.font(0.85);
    const double notes = plot::wrappedHeight(text, font, width) + m_style.units(2);
    const double legend = m_legend->heightForWidth(width) + m_style.units(4);
    const double height = std::min((canvas.height() - 2 * edge - legend - notes) / 2, width * 0.85);
    m_sorted->place(QRectF(edge, edge, width, height), canvas);
    m_positional->place(QRectF(edge, edge + height, width, height), canvas);
    m_legend->place(QRectF(edge, edge + 2 * height + m_style.units(4), width, legend));
    m_notes->setPieces({{QRectF(edge, edge + 2 * height + legend + m_style.units(2), width, notes),
                         Qt::AlignLeft | Qt::AlignTop | Qt::TextWordWrap, text, font, m_style.subtle}});
}

void CurveView::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    arrange();
    m_plot->replot(QCustomPlot::rpQueuedReplot); // the plot drew itself at its new size before
}

void CurveView::styleChanged() { showCurves(); }

} // namespace kvviz::views
