// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Printed numbers of a paper as companions of measured lines. Where they come from is not known here.
#pragma once

#include "views/delta_panels.hpp"
#include "views/eval_metric.hpp"
#include "views/figure_data.hpp"

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace kvviz::plot {

struct PublishedValues {
    std::string paper, model, block; ///< "arXiv ...", as printed; block: which of its numbers, "AR (shots=8)"
    bool misprints = false;          ///< some of them are likely not what they say they are
    std::vector<double> ratio, score, change; ///< ascending below 1; fraction of 1; relative change
    std::vector<std::string> remarks;         ///< one a ratio
    double base = 0;                          ///< score of the full cache
};

/// What is printed nearest to an evaluation; nothing if there is none. `sameShots`: with as many examples only.
using PublishedSource = std::function<std::optional<PublishedValues>(const io::EvalRecord&, bool sameShots)>;

/// What has been drawn of them, for legend and small print.
struct Published {
    std::set<std::string> papers, models, blocks;
    bool misprints = false;
};

/// Adds what is printed beside the series of a panel, which are those of `lines`. Two lines of the same numbers (two
/// arithmetic tasks) have one, with the first.
void addPublished(CurvePanel& panel, const std::vector<DeltaLine>& lines, const EvalMetric& metric,
                  const PublishedSource& source, bool sameShots, Published& published);

} // namespace kvviz::plot
