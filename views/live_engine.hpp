// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Answers live requests on the worker's thread: the selected layer first, then rows, curves and the survey of all
// layers. Keeps the sessions of the last layers, as far as they fit into its memory.
#pragma once

#include "views/live_worker.hpp"

#include <list>
#include <map>
#include <memory>

namespace kvviz::views {

class LiveEngine {
public:
    /// Before each stage; false: something newer waits.
    using Enter = std::function<bool(LiveStage)>;

    LiveEngine(CaptureList* captures, LiveTold told);

    /// Tells what the request needs; faults become failed(). Returns early when stopped.
    void serve(const LiveRequest& request, const std::stop_token& stop, const Enter& enter);

private:
    using Key = std::pair<std::string, std::pair<double, std::int64_t>>; ///< method, budget
    struct Opened {
        std::shared_ptr<const io::CaptureReader> reader;
        std::shared_ptr<compress::CaptureSession> session; ///< null: nothing can be judged on it
        std::string obstacle;                              ///< why not
        std::map<Key, double> predicted; ///< mean change of log-probability, of complete surveys
        std::list<std::pair<LiveRequest, LiveTold::Survey>> surveys; ///< complete ones, the newest first
    };
    void answer(const LiveRequest& request, const core::Progress& progress, const Enter& enter);
    std::shared_ptr<Opened> open(const LiveRequest& request);
    compress::LayerSession& layerSession(const std::shared_ptr<Opened>& opened, std::int64_t slot);
    void refuse(const LiveRequest& request, const std::string& obstacle);
    /// False when something newer waits.
    bool tellLayer(const LiveRequest& request, Opened& opened, compress::LayerSession& session,
                   const core::Progress& progress, const Enter& enter);
    void tellRows(const LiveRequest& request, Opened& opened, compress::LayerSession& session,
                  const core::Progress& progress);
    void tellCurves(const LiveRequest& request, Opened& opened, compress::LayerSession& session,
                    const core::Progress& progress);
    void tellSurvey(const LiveRequest& request, Opened& opened, const core::Progress& progress);
    [[nodiscard]] static std::string obstacleTo(Opened& opened, const std::string& method);
    [[nodiscard]] static Key keyOf(const std::string& method, const compress::Budget& budget);
    [[nodiscard]] LiveRow emptyRow(const LiveRequest& request, const std::string& method) const;
    void trim();

    CaptureList* m_captures;
    LiveTold m_told;
    int m_threads;
    int m_epoch = 0;
    std::list<std::shared_ptr<Opened>> m_opened; ///< used last first
    struct Layer {
        std::shared_ptr<Opened> opened;
        std::unique_ptr<compress::LayerSession> session;
    };
    std::list<Layer> m_layers; ///< used last first
    std::map<std::string, double> m_seconds; ///< what a layer took last, by method
    LiveRequest m_rowsOf;       ///< the rows that were told last
    std::vector<LiveRow> m_rows;
};

} // namespace kvviz::views
