// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The loop over layers. Work inside a layer is spread over (method, budget) and then over KV heads; every number is
// computed by one thread in a fixed order, so results do not depend on the number of threads.
#include "compress/replay.hpp"

#include "compress/judged_capture.hpp"
#include "compress/memo.hpp"
#include "compress/planning.hpp"
#include "compress/replay_job.hpp"

#include <algorithm>
#include <chrono>

namespace kvviz::compress {
namespace {

using core::Need;

double secondsSince(std::chrono::steady_clock::time_point start)
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class Replay {
public:
    Replay(const core::CaptureSource& capture, const ReplayRequest& request, const core::Progress& progress,
           PlanObserver* observer)
        : m_capture(capture), m_request(request), m_progress(progress), m_observer(observer),
          m_segments(capture.info().segments), m_threads(request.threads),
          m_planning(capture, request.tables, request.seed,
                     [this](std::int64_t slot, Need needs) { return m_judged->load(slot, needs); }),
          m_candidates(makeCandidates(request.methods))
    {
        for (const Budget& budget : request.budgets)
            budget.validate();
    }

    ReplayReport run()
    {
        chooseQueries();
        makeJobs();
        const auto layers = std::ssize(m_capture.info().layers);
        survey();
        if (m_observer)
            m_observer->start(static_cast<std::int64_t>(m_firstDraws.size()));
        for (std::int64_t slot = 0; slot < layers && !m_jobs.empty(); ++slot) {
            m_progress.throwIfStopped();
            m_progress("replay", slot, layers);
            replayLayer(slot);
        }
        m_progress("replay", layers, layers);
        finish();
        return std::move(m_report);
    }

private:
    void chooseQueries()
    {
        m_judged.emplace(m_capture, m_request.depth);
        m_report.nPrompt = m_judged->nPrompt();
        m_report.nQueries = m_judged->nQueries();
        m_report.evaluatedOn = m_judged->evaluatedOn();
        m_readout = m_judged->readout();
    }

    void makeJobs()
    {
        for (std::size_t i = 0; i < m_candidates.size(); ++i) {
            Candidate& candidate = m_candidates[i];
            const Method& method = *candidate.method;
            if (std::string reason = m_judged->reasonAgainst(method, m_request.tables.get()); !reason.empty()) {
                m_report.skipped.emplace_back(m_request.methods[i], std::move(reason));
                continue;
            }
            candidate.runs = true;
            candidate.survey = method.makeSurvey();
            m_needs = m_needs | replayNeeds(method);
            const std::vector<Budget> itself{Budget{}};
            for (const Budget& budget : method.budgetUse() == BudgetUse::follows ? m_request.budgets : itself)
                for (std::int64_t draw = 0; draw < method.draws(); ++draw) {
                    ReplayJob job = makeJob(method, budget, m_report.nPrompt);
                    job.survey = candidate.survey.get();
                    if (m_readout)
                        job.prediction.emplace(m_report.nQueries, m_readout->candidates);
                    job.seed = m_request.seed + static_cast<std::uint64_t>(draw);
                    if (draw == 0)
                        m_firstDraws.push_back(m_jobs.size());
                    m_jobs.push_back(std::move(job));
                }
        }
    }

    /// Shows every layer to the methods that must see all of them first.
    void survey()
    {
        std::vector<Candidate*> asking;
        Need needs = Need::none;
        for (Candidate& candidate : m_candidates)
            if (candidate.runs && candidate.survey) {
                asking.push_back(&candidate);
                needs = needs | candidate.method->needs();
            }
        m_planning.survey(asking, needs, m_threads, m_progress);
    }

    void replayLayer(std::int64_t slot)
    {
        Need needs = m_needs | Need::decodeRows | (m_request.depth != Depth::mass ? Need::values : Need::none);
        if (m_observer)
            needs = needs | Need::keys;
        if (m_readout)
            needs = needs | Need::readout;
        const core::LayerData data = m_judged->load(slot, needs);
        LayerReference reference = makeReference(data, m_request.depth, sinkTokens(), m_threads);
        LayerMemo memo;
        const LayerInput input = m_planning.input(data, slot, memo);
        parallelFor(std::ssize(m_jobs), m_threads, m_progress,
                    [&](std::int64_t i) { planJob(m_jobs[static_cast<std::size_t>(i)], input); });
        prepareReference(reference, data);
        const int kvHeads = data.heads.kvHeads();
        parallelFor(std::ssize(m_jobs) * kvHeads, m_threads, m_progress, [&](std::int64_t i) {
            ReplayJob& job = m_jobs[static_cast<std::size_t>(i / kvHeads)];
            const auto kvHead = static_cast<std::size_t>(i % kvHeads);
            const auto start = std::chrono::steady_clock::now();
            job.headDead[kvHead] = evaluateHead(data, job.plan, reference, static_cast<int>(kvHead), job.metrics);
            job.headSeconds[kvHead] = secondsSince(start);
        });
        observe(data);
        for (ReplayJob& job : m_jobs)
            storeLayer(job, data, m_segments, m_request.keepMasks);
        if (m_request.layerDone) {
            std::vector<const ReplayResult*> results;
            for (const std::size_t i : m_firstDraws)
                results.push_back(&m_jobs[i].result);
            m_request.layerDone(slot + 1, results);
        }
    }

    [[nodiscard]] int sinkTokens() const { return m_request.sinkTokens.value_or(m_capture.info().sinkTokens); }

    void planJob(ReplayJob& job, const LayerInput& shared) const
    {
        const auto start = std::chrono::steady_clock::now();
        LayerInput input = shared;
        input.seed = job.seed;
        input.earlier = job.plans;
        input.survey = job.survey;
        job.plan = job.method->plan(input, job.result.budget);
        job.metrics = makeMetrics(shared.data, job.plan, m_request.depth);
        job.headSeconds.assign(static_cast<std::size_t>(shared.data.heads.kvHeads()), 0.0);
        job.headDead.assign(static_cast<std::size_t>(shared.data.heads.kvHeads()), 0);
        job.result.seconds += secondsSince(start);
    }

    void prepareReference(LayerReference& reference, const core::LayerData& data) const
    {
        const auto changes = [](const ReplayJob& job) { return job.plan.changed != nullptr; };
        const auto moves = [](const ReplayJob& job) { return job.plan.changed && !job.plan.changed->shift.empty(); };
        if (std::any_of(m_jobs.begin(), m_jobs.end(), changes))
            addRecomputed(reference, data,
                          std::any_of(m_jobs.begin(), m_jobs.end(), moves) ? &m_capture.info().model : nullptr,
                          m_threads);
    }

    void observe(const core::LayerData& data)
    {
        if (!m_observer)
            return;
        std::vector<const LayerPlan*> plans;
        for (const std::size_t i : m_firstDraws)
            plans.push_back(&m_jobs[i].plan);
        m_observer->onLayer(data, plans);
    }

    /// Jobs are in request order with the draws of a (method, budget) side by side.
    void finish()
    {
        m_report.maxRowDeviation = m_judged->maxRowDeviation();
        for (std::size_t i = 0; i < m_firstDraws.size(); ++i) {
            const std::size_t end = i + 1 < m_firstDraws.size() ? m_firstDraws[i + 1] : m_jobs.size();
            std::vector<ReplayResult> draws;
            for (std::size_t at = m_firstDraws[i]; at < end; ++at) {
                finishJob(m_jobs[at], m_request, m_report.nPrompt, m_capture.info().model.headDim,
                          m_readout ? &*m_readout : nullptr);
                draws.push_back(std::move(m_jobs[at].result));
            }
            m_report.results.push_back(mergeDraws(std::move(draws)));
            if (m_observer)
                m_observer->finish(static_cast<std::int64_t>(i), m_report.results.back());
        }
    }

    const core::CaptureSource& m_capture;
    const ReplayRequest& m_request;
    const core::Progress& m_progress;
    PlanObserver* m_observer;
    const std::vector<core::Segment>& m_segments;
    int m_threads;
    Planning m_planning;
    std::vector<Candidate> m_candidates;
    Need m_needs = Need::none;
    std::optional<JudgedCapture> m_judged;
    std::optional<core::ReadoutTokens> m_readout; ///< when log-probabilities are predicted
    std::vector<ReplayJob> m_jobs;
    std::vector<std::size_t> m_firstDraws; ///< the job of each result; its further draws follow it
    ReplayReport m_report;
};

} // namespace

ReplayReport replay(const core::CaptureSource& capture, const ReplayRequest& request, const core::Progress& progress,
                    PlanObserver* observer)
{
    return Replay(capture, request, progress, observer).run();
}

} // namespace kvviz::compress
