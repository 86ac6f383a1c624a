// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From captures to cumulative attention curves: the share of all attention that the m most attended keys receive, with
// and without the sinks, mean over prompts, layers and heads.
#pragma once

#include "core/capture_source.hpp"
#include "core/progress.hpp"
#include "views/figure_data.hpp"

#include <map>

namespace kvviz::plot {

struct CurveRequest {
    int layer = -1; ///< -1: all layers
    int head = -1;  ///< -1: all heads
    int sinkTokens = 4;
    bool logX = true;
    bool onlyWithoutSinks = false; ///< leave the solid curves out
};

/// Collects curves capture by capture, so that one is in memory at a time.
class CumulativeCurves {
public:
    explicit CumulativeCurves(const CurveRequest& request) : m_request(request) {}

    /// Captures of one task are averaged. Throws Error: usage for a layer or head that is not there, badInput without
    /// stats.
    void add(const core::CaptureSource& capture, const core::Progress& progress = {});
    /// Curves of one layer that is loaded already, under a name.
    void addLayer(const std::string& name, const core::LayerData& layer, const std::vector<std::int64_t>& heads);

    /// Solid: all keys; dashed: without the sinks. A single series has a band: the middle 80 % of layers and heads.
    [[nodiscard]] CurvePanel panel() const;
    [[nodiscard]] Figure figure() const;
    /// All keys in panel (a), without the sinks in panel (b).
    [[nodiscard]] Figure twoPanelFigure() const;

private:
    struct Group {
        std::vector<std::vector<double>> with, without; ///< share at the grid, one curve a layer, head and prompt
        std::int64_t captures = 0;
        std::int64_t longest = 0;
    };
    [[nodiscard]] CurveSeries series(const Group& group, bool withSinks, const CurveRequest& request) const;
    [[nodiscard]] CurvePanel panelFor(const CurveRequest& request) const;
    [[nodiscard]] Figure figureOf(CurveFigure curves) const;

    CurveRequest m_request;
    std::vector<std::string> m_order;
    std::map<std::string, Group> m_groups;
    std::vector<Provenance> m_sources;
    std::int64_t m_longest = 1;
};

/// Share of attention on the first m keys in order, for one layer: mean over heads, with and without the sinks.
[[nodiscard]] CurvePanel positionalPanel(const core::LayerData& layer, const std::vector<std::int64_t>& heads,
                                         const CurveRequest& request);

} // namespace kvviz::plot
