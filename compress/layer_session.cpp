// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Bookkeeping around plan() and evaluateHead(), in the order and with the inputs of replay().
#include "compress/layer_session.hpp"

#include "compress/changed_metrics.hpp"
#include "core/error.hpp"
#include "core/statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <numeric>
#include <span>

namespace kvviz::compress {

using core::Need;

namespace {

constexpr std::size_t kMostMethods = 96;  // specifications kept, with what their surveys know
constexpr std::size_t kMostInMemo = 48;   // specifications that may share results; each costs a ranking of the keys
constexpr std::size_t kMostSummaries = 1 << 14;

/// Draws of a random method become one: means of what replay() averages, the rest is of the first.
LayerMetrics mergeDraws(std::vector<LayerMetrics> draws)
{
    LayerMetrics merged = std::move(draws.front());
    const auto count = static_cast<double>(draws.size());
    if (draws.size() < 2)
        return merged;
    for (const auto array : {&LayerMetrics::lostMass, &LayerMetrics::lostNonSink, &LayerMetrics::lostGenerated,
                             &LayerMetrics::outputError, &LayerMetrics::survival, &LayerMetrics::intact}) {
        for (std::size_t i = 1; i < draws.size(); ++i)
            for (std::size_t at = 0; at < (merged.*array).size(); ++at)
                (merged.*array)[at] += (draws[i].*array)[at];
        for (float& value : merged.*array)
            value = static_cast<float>(value / count);
    }
    for (std::size_t i = 1; i < draws.size(); ++i)
        merged.deadQueries += draws[i].deadQueries;
    return merged;
}

std::int64_t keptOf(const LayerPlan& plan)
{
    std::int64_t kept = 0;
    for (const auto& positions : plan.kept)
        kept += std::ssize(positions);
    return kept;
}

/// What the method is given in place of a budget that it does not follow, as in a replay.
Budget followed(const Method& method, const Budget& budget)
{
    return method.budgetUse() == BudgetUse::follows ? budget : Budget{};
}

} // namespace

CaptureSession::CaptureSession(std::shared_ptr<const core::CaptureSource> capture, SessionOptions options)
    : m_capture(std::move(capture)), m_options(std::move(options)), m_judged(*m_capture, deepestFor(*m_capture)),
      m_planning(*m_capture, m_options.tables, m_options.seed,
                 [this](std::int64_t slot, Need needs) { return m_judged.load(slot, needs); })
{
}

std::shared_ptr<CaptureSession::Known> CaptureSession::known(const std::string& specification)
{
    if (const auto found = m_known.find(specification); found != m_known.end())
        return found->second;
    auto known = std::make_shared<Known>();
    known->method = makeMethod(specification);
    known->survey = known->method->makeSurvey();
    if (m_known.size() >= kMostMethods)
        m_known.clear();
    return m_known[specification] = known;
}

std::shared_ptr<const Method> CaptureSession::method(const std::string& specification)
{
    return known(specification)->method;
}

std::string CaptureSession::obstacle(const std::string& specification)
{
    return m_judged.reasonAgainst(*method(specification), m_options.tables.get());
}

const Survey* CaptureSession::survey(Known& known, const core::Progress& progress)
{
    if (!known.survey || known.finished)
        return known.survey.get();
    const auto layers = std::ssize(m_capture->info().layers);
    for (; known.surveyed < layers; ++known.surveyed) {
        progress.throwIfStopped();
        progress("survey", known.surveyed, layers);
        const core::LayerData data = m_judged.load(known.surveyed, known.method->needs());
        LayerMemo memo;
        known.survey->look(m_planning.input(data, known.surveyed, memo));
    }
    known.survey->finish();
    known.finished = true;
    return known.survey.get();
}

LayerSession::LayerSession(std::shared_ptr<CaptureSession> capture, std::int64_t slot)
    : m_capture(std::move(capture)), m_slot(slot),
      m_data(m_capture->m_judged.load(slot, core::without(m_capture->m_judged.available(), Need::readout))),
      m_memo(std::make_unique<LayerMemo>())
{
}

LayerSession::Key LayerSession::keyOf(const std::string& specification, const Budget& budget)
{
    return {specification, budget.tokens ? 0.0 : budget.ratio, budget.tokens.value_or(0)};
}

std::size_t LayerSession::bytes() const
{
    std::size_t floats = 0;
    for (const auto* array :
         {&m_data.received, &m_data.receivedWindow, &m_data.receivedSq, &m_data.receivedSqFar, &m_data.entropy,
          &m_data.sinkMass, &m_data.windowRows, &m_data.decodeRows, &m_data.key, &m_data.value, &m_data.query,
          &m_data.queryMean, &m_data.queryCovariance})
        floats += array->size();
    if (m_reference && m_reference->recomputed)
        floats += m_reference->recomputed->probabilities.size() + m_reference->recomputed->output.size();
    return floats * sizeof(float);
}

void LayerSession::freshMemo(const std::string& specification)
{
    if (m_inMemo.size() >= kMostInMemo && !m_inMemo.contains(specification)) {
        m_memo = std::make_unique<LayerMemo>();
        m_inMemo.clear();
    }
    m_inMemo.insert(specification);
}

std::vector<LayerPlan> LayerSession::earlierPlans(CaptureSession::Known& known, const Survey* survey,
                                                  const Budget& budget, std::uint64_t seed,
                                                  const core::Progress& progress)
{
    std::vector<LayerPlan> plans;
    for (std::int64_t slot = 0; slot < m_slot && known.method->usesEarlier(); ++slot) {
        progress.throwIfStopped();
        const core::LayerData data = m_capture->m_judged.load(slot, known.method->needs());
        LayerMemo memo;
        LayerInput input = m_capture->m_planning.input(data, slot, memo);
        input.seed = seed;
        input.earlier = plans;
        input.survey = survey;
        LayerPlan plan = known.method->plan(input, budget);
        plan.keptDecode = {};
        plan.changed.reset();
        plans.push_back(std::move(plan));
    }
    return plans;
}

std::span<const LayerPlan> LayerSession::plan(const std::string& specification, CaptureSession::Known& known,
                                              const Budget& budget, std::int64_t count, const core::Progress& progress)
{
    const Key key = keyOf(specification, budget);
    if (m_planned.key != key)
        m_planned = {key, {}};
    const std::int64_t before = std::ssize(m_planned.draws);
    if (before >= count)
        return std::span(m_planned.draws).first(static_cast<std::size_t>(count));
    const Survey* const survey = m_capture->survey(known, progress);
    freshMemo(specification);
    std::vector<LayerPlan> more(static_cast<std::size_t>(count - before));
    const LayerInput shared = m_capture->m_planning.input(m_data, m_slot, *m_memo);
    const auto seedOf = [&](std::size_t draw) {
        return m_capture->options().seed + static_cast<std::uint64_t>(before) + draw;
    };
    std::vector<std::vector<LayerPlan>> earlier;
    for (std::size_t draw = 0; draw < more.size(); ++draw)
        earlier.push_back(earlierPlans(known, survey, budget, seedOf(draw), progress));
    parallelFor(std::ssize(more), m_capture->options().threads, progress, [&](std::int64_t draw) {
        LayerInput input = shared;
        input.seed = seedOf(static_cast<std::size_t>(draw));
        input.earlier = earlier[static_cast<std::size_t>(draw)];
        input.survey = survey;
        more[static_cast<std::size_t>(draw)] = known.method->plan(input, budget);
    });
    std::move(more.begin(), more.end(), std::back_inserter(m_planned.draws));
    return m_planned.draws;
}

void LayerSession::followSinkTokens()
{
    const int wanted = m_capture->options().sinkTokens.value_or(m_capture->capture().info().sinkTokens);
    if (m_sinkTokens == wanted)
        return;
    m_sinkTokens = wanted;
    m_reference.reset();
    m_summaries.clear();
}

void LayerSession::prepareReference(Depth depth, std::span<const LayerPlan> plans)
{
    const int threads = m_capture->options().threads;
    const core::CaptureInfo& info = m_capture->capture().info();
    if (!m_reference || (depth != Depth::mass && m_reference->output.empty())) {
        LayerReference made = makeReference(m_data, depth, m_sinkTokens, threads);
        if (m_reference) {
            made.recomputed = std::move(m_reference->recomputed);
            made.rotary = std::move(m_reference->rotary);
        }
        m_reference = std::move(made);
    }
    m_reference->depth = depth;
    const auto changes = [](const LayerPlan& plan) { return plan.changed != nullptr; };
    const auto moves = [](const LayerPlan& plan) { return plan.changed && !plan.changed->shift.empty(); };
    if (std::any_of(plans.begin(), plans.end(), changes))
        addRecomputed(*m_reference, m_data, nullptr, threads);
    if (!m_reference->rotary && std::any_of(plans.begin(), plans.end(), moves))
        m_reference->rotary.emplace(info.model, m_data.layer);
}

LayerSummary LayerSession::summaryOf(const LayerMetrics& metrics, std::span<const LayerPlan> draws) const
{
    LayerSummary summary;
    for (const LayerPlan& plan : draws) {
        const auto kept = static_cast<double>(keptOf(plan));
        summary.keptTokens += kept;
        summary.bytes += plan.bytes.value_or(4.0 * m_data.headDim * kept);
    }
    summary.keptTokens /= static_cast<double>(draws.size());
    summary.bytes /= static_cast<double>(draws.size());
    const auto whole = static_cast<double>(m_data.heads.kvHeads() * m_data.n);
    summary.keptRatio = summary.keptTokens / whole;
    summary.sizeRatio = summary.bytes / (whole * 4 * m_data.headDim);
    summary.meanLost = core::mean(metrics.lostMass);
    summary.meanLostNonSink = core::mean(metrics.lostNonSink);
    summary.meanOutputError = metrics.outputError.empty() ? std::numeric_limits<double>::quiet_NaN()
                                                          : core::mean(metrics.outputError);
    return summary;
}

LayerOutcome LayerSession::outcome(const std::string& specification, const Budget& budget,
                                   const OutcomeDetail& detail, const core::Progress& progress)
{
    budget.validate();
    followSinkTokens();
    const std::shared_ptr<CaptureSession::Known> known = m_capture->known(specification);
    if (const std::string reason = m_capture->obstacle(specification); !reason.empty())
        throw core::Error(core::ErrorCode::badInput, fmt::format("{}: '{}' cannot be replayed: {}",
                                                                 m_capture->capture().name(), specification, reason));
    const Depth depth = std::min(detail.depth, m_capture->judged().depth());
    const std::span<const LayerPlan> draws = plan(specification, *known, followed(*known->method, budget),
                                                  detail.allDraws ? known->method->draws() : 1, progress);
    prepareReference(depth, draws);
    std::vector<LayerMetrics> metrics;
    for (const LayerPlan& draw : draws)
        metrics.push_back(makeMetrics(m_data, draw, depth));
    const int kvHeads = m_data.heads.kvHeads();
    std::vector<std::int64_t> dead(metrics.size() * static_cast<std::size_t>(kvHeads));
    parallelFor(std::ssize(dead), m_capture->options().threads, progress, [&](std::int64_t i) {
        const auto draw = static_cast<std::size_t>(i / kvHeads);
        dead[static_cast<std::size_t>(i)] =
            evaluateHead(m_data, draws[draw], *m_reference, static_cast<int>(i % kvHeads), metrics[draw]);
    });
    const std::vector<core::Segment>& segments = m_capture->capture().info().segments;
    for (std::size_t draw = 0; draw < metrics.size(); ++draw) {
        const auto first = dead.begin() + static_cast<std::ptrdiff_t>(draw) * kvHeads;
        metrics[draw].deadQueries = std::accumulate(first, first + kvHeads, std::int64_t{0});
        metrics[draw].survival = segmentSurvival(segments, draws[draw], m_data.n);
        metrics[draw].intact = segmentIntact(segments, draws[draw], m_data.n);
    }
    LayerOutcome result;
    result.plan = draws.front();
    result.metrics = mergeDraws(std::move(metrics));
    result.depth = depth;
    result.summary = summaryOf(result.metrics, draws);
    return result;
}

bool LayerSession::remembers(const std::string& specification, const Budget& budget)
{
    followSinkTokens();
    const std::shared_ptr<const Method> method = m_capture->method(specification);
    return m_summaries.contains(keyOf(specification, followed(*method, budget)));
}

LayerSummary LayerSession::summary(const std::string& specification, const Budget& budget,
                                   const core::Progress& progress)
{
    followSinkTokens();
    const std::shared_ptr<const Method> method = m_capture->method(specification);
    const Key key = keyOf(specification, followed(*method, budget));
    if (const auto found = m_summaries.find(key); found != m_summaries.end())
        return found->second;
    const LayerSummary made = outcome(specification, budget, progress).summary;
    if (m_summaries.size() >= kMostSummaries)
        m_summaries.clear();
    return m_summaries[key] = made;
}

std::vector<LayerSummary> LayerSession::sweep(const std::string& specification, std::span<const double> ratios,
                                              const core::Progress& progress)
{
    if (m_capture->method(specification)->budgetUse() != BudgetUse::follows)
        return {summary(specification, Budget{}, progress)};
    std::vector<LayerSummary> summaries;
    for (const double ratio : ratios) {
        progress.throwIfStopped();
        summaries.push_back(summary(specification, Budget{ratio, {}}, progress));
    }
    return summaries;
}

} // namespace kvviz::compress
