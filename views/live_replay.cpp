// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The GUI side of the worker: asks for what is missing, keeps what was told, and forgets what belongs to another layer.
#include "views/live_replay.hpp"

#include <algorithm>

namespace kvviz::views {

namespace {

/// The paper's methods, both ends of what is possible, and one that looks at keys alone.
const std::vector<std::string> kCompared{"fullkv",  "streaming", "h2o",   "snapkv",
                                         "pyramidkv", "chunkkv", "shotkv", "knorm", "oracle_mass"};

} // namespace

LiveReplay::LiveReplay(Selection* selection, CaptureList* captures, QObject* parent)
    : QObject(parent), m_selection(selection), m_captures(captures), m_compared(kCompared),
      m_worker(captures, listeners())
{
    connect(m_selection, &Selection::changed, this, &LiveReplay::selectionChanged);
    request();
}

LiveReplay::~LiveReplay() = default;

LiveTold LiveReplay::listeners()
{
    // The worker ends before this object does, and what it has queued is then dropped.
    const auto queued = [this](auto take) {
        return [this, take](const LiveRequest& of, auto... told) {
            QMetaObject::invokeMethod(this, [this, take, of, told...] { (this->*take)(of, told...); },
                                      Qt::QueuedConnection);
        };
    };
    LiveTold told;
    told.layer = queued(&LiveReplay::takeLayer);
    told.rows = queued(&LiveReplay::takeRows);
    told.curves = queued(&LiveReplay::takeCurves);
    told.survey = queued(&LiveReplay::takeSurvey);
    told.failed = queued(&LiveReplay::takeFailure);
    told.end = queued(&LiveReplay::takeEnd);
    return told;
}

std::vector<std::string> LiveReplay::methods() const
{
    std::vector<std::string> all = m_compared;
    const std::string& selected = m_selection->state().method;
    if (std::find(all.begin(), all.end(), selected) == all.end())
        all.push_back(selected);
    return all;
}

void LiveReplay::setCompared(std::vector<std::string> methods)
{
    std::vector<std::string> once;
    for (std::string& method : methods)
        if (std::find(once.begin(), once.end(), method) == once.end())
            once.push_back(std::move(method));
    if (once == m_compared)
        return;
    m_compared = std::move(once);
    Q_EMIT comparedChanged();
    request();
}

void LiveReplay::want(const QObject* who, unsigned wants)
{
    if (!m_wants.contains(who))
        connect(who, &QObject::destroyed, this, [this, who] { m_wants.erase(who); });
    m_wants[who] = wants;
    request();
}

void LiveReplay::reload()
{
    ++m_epoch;
    m_failure.clear();
    forget(true);
    request();
}

LiveRequest LiveReplay::scene() const
{
    const SelectionState& state = m_selection->state();
    LiveRequest scene;
    scene.epoch = m_epoch;
    scene.capture = state.capture;
    scene.layer = state.layer;
    scene.sinkTokens = state.sinkTokens;
    scene.method = state.method;
    scene.budget.ratio = state.ratio;
    if (state.budgetTokens > 0)
        scene.budget.tokens = state.budgetTokens;
    scene.methods = methods();
    return scene;
}

LiveRequest LiveReplay::wanted() const
{
    unsigned wants = 0;
    for (const auto& [who, one] : m_wants)
        wants |= one;
    LiveRequest next = scene();
    next.needsLayer = !m_has.layer || !m_has.layer->sameLayer(next);
    next.needsRows = (wants & wantRows) != 0 && (!m_has.rows || !m_has.rows->sameRows(next));
    next.needsCurves = (wants & wantCurves) != 0 && (!m_has.curves || !m_has.curves->sameCurves(next));
    next.needsSurvey = (wants & wantSurvey) != 0 && (!m_has.survey || !m_has.survey->sameSurvey(next));
    return next;
}

void LiveReplay::request()
{
    LiveRequest next = wanted();
    if (next.capture < 0 || next.capture >= m_captures->size())
        return;
    if (m_asked && m_asked->sameQuestion(next))
        return;
    next.number = m_asked ? m_asked->number + 1 : 1;
    m_asked = next;
    m_busy = true;
    m_worker.post(std::move(next));
}

void LiveReplay::forget(bool captureToo)
{
    const bool had = m_layer || !m_obstacle.empty(), rows = m_rows != nullptr, curves = m_curves != nullptr;
    m_layer.reset();
    m_obstacle.clear();
    m_rows.reset();
    m_curves.reset();
    m_has.layer.reset();
    m_has.rows.reset();
    m_has.curves.reset();
    const bool survey = captureToo && m_survey;
    if (captureToo) {
        m_survey.reset();
        m_has.survey.reset();
    }
    if (had)
        Q_EMIT layerChanged();
    if (rows)
        Q_EMIT rowsChanged();
    if (curves)
        Q_EMIT curvesChanged();
    if (survey)
        Q_EMIT surveyChanged();
}

void LiveReplay::selectionChanged(Selection::Parts parts)
{
    if (!(parts & (Selection::capture | Selection::map | Selection::sinks | Selection::method)))
        return;
    const LiveRequest next = scene();
    if (!m_asked || m_asked->capture != next.capture || m_asked->layer != next.layer) {
        m_failure.clear();
        forget(!m_asked || m_asked->capture != next.capture);
    }
    request();
}

void LiveReplay::takeLayer(const LiveRequest& of, const LiveTold::Layer& layer, const std::string& obstacle)
{
    const LiveRequest now = scene();
    if (!of.sameScene(now) || of.method != now.method)
        return;
    m_layer = layer;
    m_obstacle = obstacle;
    m_failure.clear();
    if (!layer || !layer->coarse)
        m_has.layer = of;
    Q_EMIT layerChanged();
    updateSelectedRow();
}

void LiveReplay::takeRows(const LiveRequest& of, const LiveTold::Rows& rows, bool complete)
{
    if (!of.sameRows(scene()))
        return;
    m_rows = rows;
    if (complete)
        m_has.rows = of;
    Q_EMIT rowsChanged();
}

void LiveReplay::updateSelectedRow()
{
    if (!m_rows || !m_layer)
        return;
    auto rows = std::make_shared<std::vector<LiveRow>>(*m_rows);
    const bool moved = !m_has.rows || !m_has.rows->sameRows(scene());
    for (LiveRow& row : *rows) {
        if (row.method != m_layer->method) {
            row.pending = row.pending || (moved && row.obstacle.empty());
            continue;
        }
        const compress::LayerSummary& summary = m_layer->summary;
        row.pending = m_layer->coarse;
        row.keptTokens = static_cast<std::int64_t>(summary.keptTokens + 0.5);
        row.keptRatio = summary.keptRatio;
        row.retainedMass = 1 - summary.meanLost;
        row.retainedNonSink = 1 - summary.meanLostNonSink;
        row.bytes = summary.bytes;
        if (!m_layer->coarse)
            row.outputError = summary.meanOutputError;
        if (moved)
            row.predictedDelta = kUnknown;
    }
    m_rows = rows;
    Q_EMIT rowsChanged();
}

void LiveReplay::takeCurves(const LiveRequest& of, const LiveTold::Curves& curves, bool complete)
{
    if (!of.sameCurves(scene()))
        return;
    m_curves = curves;
    if (complete)
        m_has.curves = of;
    Q_EMIT curvesChanged();
}

void LiveReplay::takeSurvey(const LiveRequest& of, const LiveTold::Survey& survey, bool complete)
{
    if (!of.sameSurvey(scene()))
        return;
    m_survey = survey;
    if (complete)
        m_has.survey = of;
    Q_EMIT surveyChanged();
}

void LiveReplay::takeFailure(const LiveRequest& of, const std::string& message)
{
    if (!of.sameScene(scene()))
        return;
    forget(true); // what is there belongs to a file that cannot be read any more
    if (const QString text = QString::fromStdString(message); text != m_failure) {
        m_failure = text;
        Q_EMIT failed(text);
    }
}

void LiveReplay::takeEnd(const LiveRequest& of)
{
    if (!m_asked || of.number != m_asked->number)
        return;
    m_busy = false;
    Q_EMIT idle();
}

} // namespace kvviz::views
