// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From evaluations to curves of what compression costs in score against what it keeps, with the paper's printed numbers
// beside them: the measured version of the paper's Figures 1 and 4 to 9.
#pragma once

#include "core/io/results.hpp"
#include "views/figure_data.hpp"
#include "views/published_series.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace kvviz::plot {

struct DeltaRequest {
    std::string by = "task"; ///< of what a line is one: "task" (a panel a method), "method" (a panel a task), "shots"
                             ///< or "model" (a panel a task and method)
    std::string metric;      ///< "delta", "score", "gold" (log-probability of the gold answer); empty: delta
    std::vector<std::string> methods; ///< specifications as in a replay; empty or "all": what the results hold
    std::vector<std::string> tasks;   ///< empty: what the results hold
    PublishedSource published;        ///< printed numbers, dashed, in the colour of what they stand beside; may be none
    std::pair<double, double> yRange{0, 0}; ///< in units of the axis; low >= high: what the data need
    std::uint64_t seed = 0;                 ///< of bootstraps
};

/// Records of several files are joined. Throws Error: usage for a wrong request, badInput when nothing can be drawn.
[[nodiscard]] Figure deltaFigure(const std::vector<io::EvalRecord>& records, const std::vector<Provenance>& sources,
                                 const DeltaRequest& request);

/// The records of the tasks and methods that are asked for; the others go to `leftOut`. Throws as deltaFigure().
[[nodiscard]] std::vector<io::EvalRecord> chosenEvaluations(const std::vector<io::EvalRecord>& records,
                                                            const DeltaRequest& request,
                                                            std::vector<LeftOut>& leftOut);

} // namespace kvviz::plot
