// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/live_worker.hpp"

#include "views/live_engine.hpp"

#include <tuple>

namespace kvviz::views {

namespace {

/// A budget that moves does not stop a layer that will be there at once: what is shown would stand still while a slider
/// moves. Slower ones are stopped, so that the newest budget does not wait for them.
constexpr std::chrono::milliseconds kPatience{100};

auto sceneOf(const LiveRequest& r) { return std::tie(r.epoch, r.capture, r.layer, r.sinkTokens); }

} // namespace

bool LiveRequest::sameScene(const LiveRequest& other) const { return sceneOf(*this) == sceneOf(other); }

bool LiveRequest::sameLayer(const LiveRequest& other) const
{
    return sameScene(other) && method == other.method && budget == other.budget;
}

bool LiveRequest::sameRows(const LiveRequest& other) const
{
    return sameScene(other) && budget == other.budget && methods == other.methods;
}

bool LiveRequest::sameCurves(const LiveRequest& other) const { return sameScene(other) && methods == other.methods; }

bool LiveRequest::sameSurvey(const LiveRequest& other) const
{
    return epoch == other.epoch && capture == other.capture && sinkTokens == other.sinkTokens && method == other.method
           && budget == other.budget;
}

bool LiveRequest::sameQuestion(const LiveRequest& other) const
{
    const auto needs = [](const LiveRequest& r) {
        return std::tie(r.needsLayer, r.needsRows, r.needsCurves, r.needsSurvey);
    };
    return sameLayer(other) && methods == other.methods && needs(*this) == needs(other);
}

LiveWorker::LiveWorker(CaptureList* captures, LiveTold told)
    : m_told(std::move(told)), m_thread([this, captures] { run(captures); })
{
}

LiveWorker::~LiveWorker()
{
    {
        const std::lock_guard lock(m_mutex);
        m_quit = true;
        m_stop.request_stop();
    }
    m_changed.notify_all();
    m_thread.join();
}

void LiveWorker::post(LiveRequest request)
{
    {
        const std::lock_guard lock(m_mutex);
        if (m_running && disturbs(request))
            m_stop.request_stop();
        m_waiting = std::move(request);
    }
    m_changed.notify_all();
}

bool LiveWorker::disturbs(const LiveRequest& next) const
{
    const LiveRequest& now = *m_running;
    if (m_stage == LiveStage::layer) {
        const bool onlyBudget = now.sameScene(next) && now.method == next.method;
        return !now.sameLayer(next)
               && (!onlyBudget || std::chrono::steady_clock::now() - m_stageStart > kPatience);
    }
    if (!now.sameLayer(next))
        return true;
    switch (m_stage) {
    case LiveStage::fine:
        return false;
    case LiveStage::rows:
        return !now.sameRows(next);
    case LiveStage::curves:
        return !now.sameCurves(next) || next.needsRows;
    default:
        return true; // the survey takes seconds, and all else comes before it
    }
}

bool LiveWorker::enter(LiveStage stage)
{
    const std::lock_guard lock(m_mutex);
    if (m_waiting || m_quit)
        return false;
    m_stage = stage;
    m_stageStart = std::chrono::steady_clock::now();
    return true;
}

void LiveWorker::run(CaptureList* captures)
{
    LiveEngine engine(captures, m_told);
    for (;;) {
        LiveRequest request;
        std::stop_token stop;
        {
            std::unique_lock lock(m_mutex);
            m_changed.wait(lock, [this] { return m_quit || m_waiting; });
            if (m_quit)
                return;
            request = std::move(*m_waiting);
            m_waiting.reset();
            m_running = request;
            m_stage = LiveStage::layer;
            m_stageStart = std::chrono::steady_clock::now();
            m_stop = std::stop_source();
            stop = m_stop.get_token();
        }
        engine.serve(request, stop, [this](LiveStage stage) { return enter(stage); });
        bool last = false;
        {
            const std::lock_guard lock(m_mutex);
            m_running.reset();
            last = !m_waiting && !m_quit;
        }
        if (last)
            m_told.end(request);
    }
}

} // namespace kvviz::views
