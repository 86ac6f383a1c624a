// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The loop over layers. Work inside a layer is spread over (method, budget) and then over KV heads; every number is
// computed by one thread in a fixed order, so results do not depend on the number of threads.
#include "compress/replay.hpp"

#include "compress/layer_prep.hpp"
#include "compress/method_base.hpp"
#include "core/parallel.hpp"
#include "core/statistics.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

using core::Need;

/// One (method, budget) on its way through the layers.
struct Job {
    const Method* method = nullptr;
    Budget budget;
    ReplayResult result;
    std::vector<LayerPlan> plans; ///< of the layers so far, without keptDecode
    LayerPlan plan;               ///< of the current layer
    LayerMetrics metrics;
    std::vector<double> headSeconds; // [G]
    std::vector<std::int64_t> headDead;
};

/// Runs body(i) on several threads until the user stops it.
template <typename Body>
void parallelFor(std::int64_t count, int threads, const core::Progress& progress, const Body& body)
{
    core::parallelFor(count, threads, [&](std::int64_t i) {
        if (!progress.stop.stop_requested())
            body(i);
    });
    progress.throwIfStopped();
}

double secondsSince(std::chrono::steady_clock::time_point start)
{
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class Replay {
public:
    Replay(const core::CaptureSource& capture, const ReplayRequest& request, const core::Progress& progress)
        : m_capture(capture), m_request(request), m_progress(progress), m_segments(capture.info().segments),
          m_kvHeads(capture.info().kvHeads()), m_threads(request.threads)
    {
        for (const Budget& budget : request.budgets)
            budget.validate();
        for (const std::string& specification : request.methods)
            m_methods.push_back(makeMethod(specification));
    }

    ReplayReport run()
    {
        chooseQueries();
        makeJobs();
        const auto layers = std::ssize(m_capture.info().layers);
        for (std::int64_t slot = 0; slot < layers && !m_jobs.empty(); ++slot) {
            m_progress.throwIfStopped();
            m_progress("replay", slot, layers);
            replayLayer(slot);
        }
        m_progress("replay", layers, layers);
        for (Job& job : m_jobs) {
            finish(job);
            m_report.results.push_back(std::move(job.result));
        }
        return std::move(m_report);
    }

private:
    /// Decode rows if there are any, else the later half of the window rows.
    void chooseQueries()
    {
        const core::CaptureInfo& info = m_capture.info();
        m_available = m_capture.available();
        m_report.nPrompt = info.nPrompt();
        m_report.nQueries = info.nGenerated();
        if (core::includes(m_available, Need::decodeRows) && info.nGenerated() > 0) {
            m_report.evaluatedOn = fmt::format("{} decode queries", info.nGenerated());
        } else if (core::includes(m_available, Need::windowRows)) {
            m_split = windowSplit(info.nPrompt(), info.window, m_capture.name());
            m_report.nPrompt = m_split->promptEnd;
            m_report.nQueries = m_split->evaluated;
            m_available = m_available | Need::decodeRows;
            m_report.evaluatedOn = fmt::format("the last {} of {} window queries (no decode rows); prompt cut at {}",
                                               m_split->evaluated, info.window, m_split->promptEnd);
        } else {
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("{}: this capture (tier {}) holds neither decode rows nor window rows, so no "
                                          "loss can be computed; capture with --tier cache or higher",
                                          m_capture.name(), core::tierName(info.tier)));
        }
        if (m_request.depth == Depth::output && !core::includes(m_available, Need::values))
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("{}: this capture (tier {}) holds no values, which depth output needs; use "
                                          "--depth mass or capture with --tier cache",
                                          m_capture.name(), core::tierName(info.tier)));
    }

    void makeJobs()
    {
        for (std::size_t i = 0; i < m_methods.size(); ++i) {
            const Method& method = *m_methods[i];
            if (!core::includes(m_available, method.needs())) {
                m_report.skipped.emplace_back(m_request.methods[i],
                                              fmt::format("needs {}; this capture (tier {}) holds {}",
                                                          core::needNames(method.needs()),
                                                          core::tierName(m_capture.info().tier),
                                                          core::needNames(m_available)));
                continue;
            }
            m_needs = m_needs | method.needs();
            for (const Budget& budget : m_request.budgets)
                m_jobs.push_back(makeJob(method, budget));
        }
    }

    [[nodiscard]] Job makeJob(const Method& method, const Budget& budget) const
    {
        Job job;
        job.method = &method;
        job.budget = budget;
        job.result.method = method.info().name;
        job.result.variant = method.params().variant();
        job.result.params = method.params().json();
        job.result.budget = budget;
        job.result.budgetTokens = budget.tokens.value_or(budget.capacity(m_report.nPrompt));
        return job;
    }

    [[nodiscard]] core::LayerData loadLayer(std::int64_t slot)
    {
        Need needs = m_needs | (m_request.depth == Depth::output ? Need::values : Need::none);
        if (!m_split)
            needs = needs | Need::decodeRows;
        else // the later window rows stand in for decode rows
            needs = static_cast<Need>((static_cast<unsigned>(needs) & ~static_cast<unsigned>(Need::decodeRows))
                                      | static_cast<unsigned>(Need::windowRows));
        core::LayerData data = m_capture.loadLayer(slot, needs);
        requireArrays(data, needs, m_capture.name());
        m_report.maxRowDeviation = std::max(m_report.maxRowDeviation, renormaliseRows(data));
        return m_split ? splitAtWindow(data, *m_split) : data;
    }

    void replayLayer(std::int64_t slot)
    {
        const core::LayerData data = loadLayer(slot);
        const LayerReference reference =
            makeReference(data, m_request.depth, m_capture.info().sinkTokens, m_threads);
        const int kvHeads = data.heads.kvHeads();
        parallelFor(std::ssize(m_jobs), m_threads, m_progress,
                    [&](std::int64_t i) { planJob(m_jobs[static_cast<std::size_t>(i)], data, slot); });
        parallelFor(std::ssize(m_jobs) * kvHeads, m_threads, m_progress, [&](std::int64_t i) {
            Job& job = m_jobs[static_cast<std::size_t>(i / kvHeads)];
            const auto kvHead = static_cast<std::size_t>(i % kvHeads);
            const auto start = std::chrono::steady_clock::now();
            job.headDead[kvHead] = evaluateHead(data, job.plan, reference, static_cast<int>(kvHead), job.metrics);
            job.headSeconds[kvHead] = secondsSince(start);
        });
        for (Job& job : m_jobs)
            storeLayer(job, data);
    }

    void planJob(Job& job, const core::LayerData& data, std::int64_t slot) const
    {
        const auto start = std::chrono::steady_clock::now();
        const LayerInput input{.data = data,
                               .segments = m_segments,
                               .slot = slot,
                               .layers = std::ssize(m_capture.info().layers),
                               .seed = m_request.seed,
                               .earlier = job.plans,
                               .kvHeads = m_kvHeads};
        job.plan = job.method->plan(input, job.budget);
        job.metrics = makeMetrics(data, m_request.depth);
        job.headSeconds.assign(static_cast<std::size_t>(data.heads.kvHeads()), 0.0);
        job.headDead.assign(static_cast<std::size_t>(data.heads.kvHeads()), 0);
        job.result.seconds += secondsSince(start);
    }

    void storeLayer(Job& job, const core::LayerData& data) const
    {
        ReplayResult& result = job.result;
        const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
        append(result.lostMass, job.metrics.lostMass);
        append(result.lostNonSink, job.metrics.lostNonSink);
        append(result.outputError, job.metrics.outputError);
        append(result.survival, segmentSurvival(m_segments, job.plan, data.n));
        result.seconds += core::sum(job.headSeconds);
        for (const std::int64_t dead : job.headDead)
            result.deadQueries += dead;
        result.tiesAtCut += job.plan.tiesAtCut;
        for (const std::string& flag : job.plan.flags)
            if (std::find(result.flags.begin(), result.flags.end(), flag) == result.flags.end())
                result.flags.push_back(flag);
        for (const auto& positions : job.plan.kept) {
            result.keptTokens += std::ssize(positions);
            result.bytes += static_cast<std::uint64_t>(2 * 2 * data.headDim * std::ssize(positions));
            if (m_request.keepMasks) {
                const std::size_t base = result.kept.size();
                result.kept.resize(base + static_cast<std::size_t>(data.n), 0);
                for (const std::int32_t position : positions)
                    result.kept[base + static_cast<std::size_t>(position)] = 1;
            }
        }
        if (m_request.keepMasks)
            append(result.keptDecode, job.plan.keptDecode);
        job.plan.keptDecode = std::vector<std::uint8_t>(); // gives the memory back
        job.plans.push_back(std::move(job.plan));
    }

    void finish(Job& job) const
    {
        ReplayResult& result = job.result;
        const auto slots = std::ssize(job.plans);
        const auto heads = slots > 0 ? std::ssize(job.plans.front().kept) : 0;
        const auto whole = static_cast<double>(slots * heads * m_report.nPrompt);
        result.actualRatio = whole > 0 ? static_cast<double>(result.keptTokens) / whole : 0;
        result.meanLost = core::mean(result.lostMass);
        result.p95Lost = core::quantile(result.lostMass, 0.95);
        result.maxLost = core::maximum(result.lostMass);
        result.meanLostNonSink = core::mean(result.lostNonSink);
        if (m_request.depth == Depth::output) {
            result.meanOutputError = core::mean(result.outputError);
            result.p95OutputError = core::quantile(result.outputError, 0.95);
        }
    }

    const core::CaptureSource& m_capture;
    const ReplayRequest& m_request;
    const core::Progress& m_progress;
    const std::vector<core::Segment>& m_segments;
    std::vector<int> m_kvHeads; ///< numbers in the model
    int m_threads;
    std::vector<std::unique_ptr<Method>> m_methods;
    Need m_available = Need::none, m_needs = Need::none;
    std::optional<WindowSplit> m_split;
    std::vector<Job> m_jobs;
    ReplayReport m_report;
};

} // namespace

ReplayReport replay(const core::CaptureSource& capture, const ReplayRequest& request, const core::Progress& progress)
{
    return Replay(capture, request, progress).run();
}

} // namespace kvviz::compress
