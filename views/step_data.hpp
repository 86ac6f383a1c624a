// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What happens at each step of the continuation: mass lost, tokens kept, log-probability. No drawing.
#pragma once

#include "compress/metrics.hpp"
#include "views/figure_data.hpp"

#include <string>
#include <vector>

namespace kvviz::plot {

/// Of t decode steps; step i reads token n + i. Lists are empty where nothing is known.
struct StepValues {
    std::vector<double> lostMass;  ///< [t] mean over heads
    std::int64_t withoutFirst = 0; ///< keys that lostMass leaves out, being sinks
    std::vector<double> kept;      ///< [t] tokens that the step's query can see, its own included; mean over KV heads
    std::vector<double> seen;      ///< [t] tokens there are until then
    std::vector<double> logprob;   ///< [t] of the step's token given those before it, full cache
    std::vector<double> predicted; ///< [t] the same with the compressed cache, predicted; NaN where unknown
};

/// Mean of [H, t] over heads, undefined values left out.
[[nodiscard]] std::vector<double> meanOverHeads(const std::vector<float>& values, std::int64_t t);
/// Tokens that the query of each step can see, mean over KV heads: the kept prompt and everything generated, or what a
/// plan that evicts at steps leaves.
[[nodiscard]] std::vector<double> keptAtSteps(const compress::LayerPlan& plan, std::int64_t n, std::int64_t t);

/// Panels of what is known, sharing their x axis. `name`: method and budget; `where`: "layer 3".
[[nodiscard]] CurveFigure stepFigure(const StepValues& values, const std::string& name, const std::string& where);

} // namespace kvviz::plot
