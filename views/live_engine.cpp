// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/live_engine.hpp"

#include "compress/replay.hpp"
#include "core/error.hpp"
#include "core/statistics.hpp"
#include "views/capture_choice.hpp"
#include "views/method_family.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace kvviz::views {

namespace {

using compress::BudgetUse;
using compress::Depth;
using compress::LayerSession;
using compress::LayerSummary;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostBytes = std::size_t{192} << 20; // of layer sessions; one is always kept
constexpr std::size_t kMostCaptures = 3;
constexpr std::size_t kMostSurveys = 12;
constexpr double kSlow = 0.03; // seconds that a layer may take before it is told coarsely first
constexpr int kMostThreads = 8;
/// Denser where curves bend; the ends are those of the slider.
constexpr std::array kRatios{0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0};

double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Lets results through now and then, so that views are not redrawn for every one of them.
class Pace {
public:
    explicit Pace(double seconds) : m_seconds(seconds) {}
    [[nodiscard]] bool due()
    {
        if (secondsSince(m_last) < m_seconds)
            return false;
        m_last = Clock::now();
        return true;
    }

private:
    double m_seconds;
    Clock::time_point m_last = Clock::now();
};

void fillRow(LiveRow& row, const LayerSummary& summary)
{
    row.pending = false;
    row.keptTokens = std::llround(summary.keptTokens);
    row.keptRatio = summary.keptRatio;
    row.retainedMass = 1 - summary.meanLost;
    row.retainedNonSink = 1 - summary.meanLostNonSink;
    row.outputError = summary.meanOutputError;
    row.bytes = summary.bytes;
}

LiveCurve curveOf(const std::string& method, BudgetUse use, const std::vector<LayerSummary>& summaries)
{
    LiveCurve curve;
    curve.method = method;
    curve.title = methodTitle(method);
    curve.follows = use == BudgetUse::follows;
    for (std::size_t i = 0; i < summaries.size(); ++i) {
        const LayerSummary& summary = summaries[i];
        curve.ratio.push_back(use == BudgetUse::follows ? kRatios[i]
                              : use == BudgetUse::finds ? summary.keptRatio
                                                        : summary.sizeRatio);
        curve.retainedMass.push_back(1 - summary.meanLost);
        curve.retainedNonSink.push_back(1 - summary.meanLostNonSink);
        curve.outputError.push_back(summary.meanOutputError);
    }
    return curve;
}

/// [rows, t] to [rows], the rest of `size` NaN.
std::vector<float> rowMeans(const std::vector<float>& values, std::int64_t t, std::int64_t size)
{
    std::vector<float> means(static_cast<std::size_t>(size), std::numeric_limits<float>::quiet_NaN());
    for (std::int64_t row = 0; t > 0 && (row + 1) * t <= std::ssize(values); ++row)
        means[static_cast<std::size_t>(row)] =
            static_cast<float>(core::mean(std::span(values).subspan(static_cast<std::size_t>(row * t),
                                                                    static_cast<std::size_t>(t))));
    return means;
}

LiveSurvey surveyOf(const LiveRequest& request, const compress::JudgedCapture& judged, const core::CaptureInfo& info,
                    const compress::ReplayResult& result, std::int64_t layersDone)
{
    const auto layers = std::ssize(info.layers), heads = layers * std::ssize(info.heads);
    const auto kvHeads = std::ssize(info.kvHeads()), n = judged.nPrompt(), t = judged.nQueries();
    LiveSurvey survey;
    survey.capture = request.capture;
    survey.method = request.method;
    survey.budget = request.budget;
    survey.layersDone = layersDone;
    survey.lostMass = rowMeans(result.lostMass, t, heads);
    survey.lostNonSink = rowMeans(result.lostNonSink, t, heads);
    survey.outputError = rowMeans(result.outputError, t, heads);
    survey.keptTokens.assign(static_cast<std::size_t>(layers * kvHeads), -1);
    for (std::int64_t row = 0; row < layersDone * kvHeads; ++row)
        survey.keptTokens[static_cast<std::size_t>(row)] =
            std::count(result.kept.begin() + row * n, result.kept.begin() + (row + 1) * n, std::uint8_t{1});
    survey.survival = result.survival;
    survey.survival.resize(static_cast<std::size_t>(layers) * info.segments.size(),
                           std::numeric_limits<float>::quiet_NaN());
    survey.predictedDelta = result.predictedDelta;
    return survey;
}

} // namespace

std::string methodTitle(const std::string& specification)
{
    struct Named {
        std::string method, variant, params;
    };
    try {
        const auto method = compress::makeMethod(specification);
        return plot::methodLabel(Named{method->info().name, method->params().variant(), method->params().json()});
    } catch (const core::Error&) {
        return specification; // of another version, or typed by hand
    }
}

LiveEngine::LiveEngine(CaptureList* captures, LiveTold told)
    : m_captures(captures), m_told(std::move(told)),
      // One is left to the window.
      m_threads(std::clamp(static_cast<int>(std::thread::hardware_concurrency()) - 1, 1, kMostThreads))
{
}

void LiveEngine::serve(const LiveRequest& request, const std::stop_token& stop, const Enter& enter)
{
    if (request.epoch != m_epoch) {
        m_epoch = request.epoch;
        m_layers.clear();
        m_opened.clear();
    }
    core::Progress progress;
    progress.stop = stop;
    try {
        if (request.needsLayer || request.needsRows || request.needsCurves || request.needsSurvey)
            answer(request, progress, enter);
    } catch (const core::Error& error) {
        if (error.code() != core::ErrorCode::cancelled)
            m_told.failed(request, error.what());
    } catch (const std::exception& error) {
        m_told.failed(request, error.what());
    }
}

void LiveEngine::answer(const LiveRequest& request, const core::Progress& progress, const Enter& enter)
{
    const std::shared_ptr<Opened> opened = open(request);
    if (!opened->session)
        return refuse(request, opened->obstacle);
    const core::CaptureInfo& info = opened->reader->info();
    const auto slot = std::find(info.layers.begin(), info.layers.end(), request.layer) - info.layers.begin();
    if (slot == std::ssize(info.layers))
        return refuse(request, "layer " + std::to_string(request.layer) + " was not captured");
    opened->session->setSinkTokens(request.sinkTokens);
    LayerSession& session = layerSession(opened, slot);
    if (request.needsLayer && !tellLayer(request, *opened, session, progress, enter))
        return;
    if (request.needsRows && enter(LiveStage::rows))
        tellRows(request, *opened, session, progress);
    if (request.needsCurves && enter(LiveStage::curves))
        tellCurves(request, *opened, session, progress);
    trim();
    if (request.needsSurvey && enter(LiveStage::survey))
        tellSurvey(request, *opened, progress);
}

std::shared_ptr<LiveEngine::Opened> LiveEngine::open(const LiveRequest& request)
{
    const auto reader = m_captures->reader(request.capture);
    const auto found = std::find_if(m_opened.begin(), m_opened.end(),
                                    [&](const auto& opened) { return opened->reader == reader; });
    if (found != m_opened.end()) {
        m_opened.splice(m_opened.begin(), m_opened, found);
        return m_opened.front();
    }
    auto opened = std::make_shared<Opened>();
    opened->reader = reader;
    try {
        compress::SessionOptions options;
        options.threads = m_threads;
        opened->session = std::make_shared<compress::CaptureSession>(reader, options);
    } catch (const core::Error& error) { // it can be read, but holds nothing that losses could be judged on
        opened->obstacle = error.what();
    }
    m_opened.push_front(opened);
    while (m_opened.size() > kMostCaptures) {
        m_layers.remove_if([&](const Layer& layer) { return layer.opened == m_opened.back(); });
        m_opened.pop_back();
    }
    return opened;
}

LayerSession& LiveEngine::layerSession(const std::shared_ptr<Opened>& opened, std::int64_t slot)
{
    const auto found = std::find_if(m_layers.begin(), m_layers.end(), [&](const Layer& layer) {
        return layer.opened == opened && layer.session->slot() == slot;
    });
    if (found != m_layers.end())
        m_layers.splice(m_layers.begin(), m_layers, found);
    else
        m_layers.push_front({opened, std::make_unique<LayerSession>(opened->session, slot)});
    trim();
    return *m_layers.front().session;
}

void LiveEngine::trim()
{
    std::size_t bytes = 0;
    for (const Layer& layer : m_layers)
        bytes += layer.session->bytes();
    for (; bytes > kMostBytes && m_layers.size() > 1; m_layers.pop_back())
        bytes -= m_layers.back().session->bytes();
}

void LiveEngine::refuse(const LiveRequest& request, const std::string& obstacle)
{
    if (request.needsLayer)
        m_told.layer(request, nullptr, obstacle);
    if (request.needsRows) {
        auto rows = std::make_shared<std::vector<LiveRow>>();
        for (const std::string& method : request.methods) {
            LiveRow& row = rows->emplace_back();
            row.method = method;
            row.title = methodTitle(method);
            row.obstacle = obstacle;
        }
        m_told.rows(request, rows, true);
    }
    if (request.needsCurves)
        m_told.curves(request, std::make_shared<std::vector<LiveCurve>>(), true);
    if (request.needsSurvey)
        m_told.survey(request, nullptr, true);
}

std::string LiveEngine::obstacleTo(Opened& opened, const std::string& method)
{
    try {
        return opened.session->obstacle(method);
    } catch (const core::Error& error) {
        return error.what(); // no such method, or parameters that it does not take
    }
}

LiveEngine::Key LiveEngine::keyOf(const std::string& method, const compress::Budget& budget)
{
    return {method, {budget.tokens ? 0.0 : budget.ratio, budget.tokens.value_or(0)}};
}

bool LiveEngine::tellLayer(const LiveRequest& request, Opened& opened, LayerSession& session,
                           const core::Progress& progress, const Enter& enter)
{
    if (const std::string obstacle = obstacleTo(opened, request.method); !obstacle.empty()) {
        m_told.layer(request, nullptr, obstacle);
        return true;
    }
    const compress::JudgedCapture& judged = opened.session->judged();
    const std::shared_ptr<const compress::Method> method = opened.session->method(request.method);
    const auto start = Clock::now();
    double seconds = 0; // in all stages, without the pauses between them
    const auto tell = [&](const compress::OutcomeDetail& detail, bool coarse) {
        const auto stageStart = Clock::now();
        compress::LayerOutcome outcome = session.outcome(request.method, request.budget, detail, progress);
        seconds += secondsSince(stageStart);
        auto layer = std::make_shared<LiveLayer>();
        layer->reader = opened.reader;
        layer->capture = request.capture;
        layer->slot = session.slot();
        layer->method = request.method;
        layer->budget = request.budget;
        layer->budgetUse = method->budgetUse();
        layer->depth = outcome.depth;
        layer->coarse = coarse;
        layer->oneDraw = !detail.allDraws;
        layer->plan = std::move(outcome.plan);
        layer->metrics = std::move(outcome.metrics);
        layer->summary = outcome.summary;
        layer->n = judged.nPrompt();
        layer->t = judged.nQueries();
        layer->evaluatedOn = judged.evaluatedOn();
        layer->keptRatio = outcome.summary.keptRatio;
        layer->seconds = secondsSince(start);
        m_told.layer(request, std::move(layer), {});
    };
    const bool random = method->draws() > 1;
    const auto known = m_seconds.find(request.method);
    if ((random || judged.depth() != Depth::mass) && (known == m_seconds.end() || known->second > kSlow)) {
        tell({Depth::mass, !random}, true);
        if (!enter(LiveStage::fine))
            return false;
    }
    tell({}, false);
    m_seconds[request.method] = seconds;
    return true;
}

LiveRow LiveEngine::emptyRow(const LiveRequest& request, const std::string& method) const
{
    LiveRow row;
    row.method = method;
    row.title = methodTitle(method);
    if (m_rowsOf.sameScene(request)) // the numbers of the budget before are shown until there are new ones
        if (const auto old = std::find_if(m_rows.begin(), m_rows.end(),
                                          [&](const LiveRow& one) { return one.method == method; });
            old != m_rows.end())
            row = *old;
    row.pending = true;
    row.obstacle.clear();
    row.predictedDelta = kUnknown;
    return row;
}

void LiveEngine::tellRows(const LiveRequest& request, Opened& opened, LayerSession& session,
                          const core::Progress& progress)
{
    std::vector<LiveRow> rows;
    for (const std::string& method : request.methods)
        rows.push_back(emptyRow(request, method));
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < rows.size(); ++i)
        order.insert(rows[i].method == request.method ? order.begin() : order.end(), i);
    Pace pace(0.06);
    for (const std::size_t i : order) {
        LiveRow& row = rows[i];
        row.obstacle = obstacleTo(opened, row.method);
        row.pending = false;
        if (row.obstacle.empty())
            fillRow(row, session.summary(row.method, request.budget, progress));
        if (const auto known = opened.predicted.find(keyOf(row.method, request.budget)); known != opened.predicted.end())
            row.predictedDelta = known->second;
        if (pace.due())
            m_told.rows(request, std::make_shared<const std::vector<LiveRow>>(rows), false);
    }
    m_rowsOf = request;
    m_rows = rows;
    m_told.rows(request, std::make_shared<const std::vector<LiveRow>>(std::move(rows)), true);
}

void LiveEngine::tellCurves(const LiveRequest& request, Opened& opened, LayerSession& session,
                            const core::Progress& progress)
{
    std::vector<std::string> order = request.methods; // the selected one first
    std::stable_partition(order.begin(), order.end(), [&](const std::string& one) { return one == request.method; });
    std::map<std::string, LiveCurve> done;
    const auto tell = [&](bool complete) {
        auto curves = std::make_shared<std::vector<LiveCurve>>();
        for (const std::string& method : request.methods)
            if (const auto found = done.find(method); found != done.end())
                curves->push_back(found->second);
        m_told.curves(request, curves, complete);
    };
    Pace pace(0.15);
    for (const std::string& method : order) {
        if (!obstacleTo(opened, method).empty())
            continue;
        const BudgetUse use = opened.session->method(method)->budgetUse();
        done[method] = curveOf(method, use, session.sweep(method, kRatios, progress));
        if (pace.due())
            tell(false);
    }
    tell(true);
}

void LiveEngine::tellSurvey(const LiveRequest& request, Opened& opened, const core::Progress& progress)
{
    if (!obstacleTo(opened, request.method).empty())
        return m_told.survey(request, nullptr, true);
    for (const auto& [of, survey] : opened.surveys)
        if (of.sameSurvey(request))
            return m_told.survey(request, survey, true);
    const core::CaptureInfo& info = opened.reader->info();
    const compress::JudgedCapture& judged = opened.session->judged();
    const auto tell = [&](const compress::ReplayResult& result, std::int64_t layersDone) {
        return std::make_shared<const LiveSurvey>(surveyOf(request, judged, info, result, layersDone));
    };
    compress::ReplayRequest replayed;
    replayed.methods = {request.method};
    replayed.budgets = {request.budget};
    replayed.depth = judged.depth();
    replayed.threads = m_threads;
    replayed.sinkTokens = request.sinkTokens;
    Pace pace(0.1);
    replayed.layerDone = [&](std::int64_t layersDone, std::span<const compress::ReplayResult* const> results) {
        if (layersDone < std::ssize(info.layers) && (layersDone == 1 || pace.due()))
            m_told.survey(request, tell(*results.front(), layersDone), false);
    };
    const compress::ReplayReport report = compress::replay(*opened.reader, replayed, progress);
    const LiveTold::Survey survey = tell(report.results.front(), std::ssize(info.layers));
    opened.surveys.emplace_front(request, survey);
    if (opened.surveys.size() > kMostSurveys)
        opened.surveys.pop_back();
    m_told.survey(request, survey, true);
    const Key key = keyOf(request.method, request.budget);
    if (const double predicted = report.results.front().meanPredictedDelta; std::isfinite(predicted)) {
        opened.predicted[key] = predicted;
        if (const auto row = std::find_if(m_rows.begin(), m_rows.end(),
                                          [&](const LiveRow& one) { return one.method == request.method; });
            row != m_rows.end() && m_rowsOf.sameRows(request)) {
            row->predictedDelta = predicted;
            m_told.rows(m_rowsOf, std::make_shared<const std::vector<LiveRow>>(m_rows), true);
        }
    }
}

} // namespace kvviz::views
