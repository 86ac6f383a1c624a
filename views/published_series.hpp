// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The paper's numbers as companions of measured lines.
#pragma once

#include "views/delta_panels.hpp"
#include "views/eval_metric.hpp"
#include "views/figure_data.hpp"

#include <set>
#include <string>
#include <vector>

namespace kvviz::plot {

/// What has been drawn of the paper, for legend and small print.
struct Published {
    std::set<std::string> models, blocks;
    bool misprints = false;
};

/// Adds what the paper prints beside the series of a panel, which are those of `lines`. Two lines of the same numbers
/// (two arithmetic tasks) have one, with the first.
void addPublished(CurvePanel& panel, const std::vector<DeltaLine>& lines, const EvalMetric& metric, bool sameShots,
                  Published& published);

} // namespace kvviz::plot
