// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The thread behind LiveReplay: one request at a time, the newest; work that a newer request makes useless is stopped.
#pragma once

#include "views/capture_list.hpp"
#include "views/live_results.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

namespace kvviz::views {

/// What the window wants to know.
struct LiveRequest {
    std::uint64_t number = 0;
    int epoch = 0;    ///< of another epoch: nothing that is kept may be used
    int capture = -1; ///< index into the open captures
    int layer = 0;    ///< number in the model
    int sinkTokens = 4;
    std::string method;
    compress::Budget budget;
    std::vector<std::string> methods; ///< of rows and curves, with `method` among them
    bool needsLayer = false, needsRows = false, needsCurves = false, needsSurvey = false;

    /// The same layer of the same capture, judged in the same way.
    [[nodiscard]] bool sameScene(const LiveRequest& other) const;
    /// Is a result the same for both requests?
    [[nodiscard]] bool sameLayer(const LiveRequest& other) const;
    [[nodiscard]] bool sameRows(const LiveRequest& other) const;
    [[nodiscard]] bool sameCurves(const LiveRequest& other) const;
    [[nodiscard]] bool sameSurvey(const LiveRequest& other) const;
    /// Everything but the number.
    [[nodiscard]] bool sameQuestion(const LiveRequest& other) const;
};

/// In the order in which a request is answered. `fine`: what a layer that was told coarsely lacks.
enum class LiveStage : std::uint8_t { layer, fine, rows, curves, survey };

/// Where results go; called on the worker's thread. Rows, curves and surveys come several times, growing.
struct LiveTold {
    using Layer = std::shared_ptr<const LiveLayer>;
    using Rows = std::shared_ptr<const std::vector<LiveRow>>;
    using Curves = std::shared_ptr<const std::vector<LiveCurve>>;
    using Survey = std::shared_ptr<const LiveSurvey>;
    std::function<void(const LiveRequest&, Layer, const std::string& obstacle)> layer; ///< no layer: an obstacle
    std::function<void(const LiveRequest&, Rows, bool complete)> rows;
    std::function<void(const LiveRequest&, Curves, bool complete)> curves;
    std::function<void(const LiveRequest&, Survey, bool complete)> survey; ///< null: there is none
    std::function<void(const LiveRequest&, const std::string& message)> failed;
    std::function<void(const LiveRequest&)> end; ///< no newer request waits
};

class LiveWorker {
public:
    LiveWorker(CaptureList* captures, LiveTold told);
    /// Stops what is being done and waits for the thread.
    ~LiveWorker();
    LiveWorker(const LiveWorker&) = delete;
    LiveWorker& operator=(const LiveWorker&) = delete;

    /// Replaces a request that waits.
    void post(LiveRequest request);

private:
    void run(CaptureList* captures);
    [[nodiscard]] bool enter(LiveStage stage);
    [[nodiscard]] bool disturbs(const LiveRequest& next) const;

    LiveTold m_told;
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::optional<LiveRequest> m_waiting, m_running;
    LiveStage m_stage = LiveStage::layer;
    std::chrono::steady_clock::time_point m_stageStart;
    std::stop_source m_stop;
    bool m_quit = false;
    std::thread m_thread; ///< last: starts when all else is there
};

} // namespace kvviz::views
