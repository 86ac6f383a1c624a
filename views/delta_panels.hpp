// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From evaluation records to small multiples: lines of a metric against the fraction kept, from the whole cache down.
#pragma once

#include "core/io/results.hpp"
#include "views/eval_metric.hpp"
#include "views/eval_names.hpp"
#include "views/figure_data.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace kvviz::plot {

/// More lines than this cannot be told apart in a panel; it is divided.
inline constexpr std::size_t kMostDeltaLines = 7;

/// The records of one line, by place on the axis; one record a place.
struct DeltaLine {
    std::string label;
    int color = 0;     ///< the same in every panel
    double shade = -1; ///< of lines that have an order
    std::map<std::int64_t, const io::EvalRecord*> records; ///< by place in millionths
};

struct DeltaPanel {
    std::string label;
    std::string group; ///< panels of a group differ in their method, or are parts of one
    std::vector<DeltaLine> lines;

    /// Drawn panels that its lines need.
    [[nodiscard]] std::size_t parts() const { return (lines.size() + kMostDeltaLines - 1) / kMostDeltaLines; }
};

/// Budgets in tokens have their own axis if all were given so.
[[nodiscard]] bool tokenBudgets(const std::vector<io::EvalRecord>& records);

/// In order of appearance, lines of methods by family and of shots by their number. What is the same again (task,
/// method, budget, model) goes to `leftOut`.
[[nodiscard]] std::vector<DeltaPanel> deltaPanels(const std::vector<io::EvalRecord>& records, EvalLines lines,
                                                  const EvalMetric& metric, bool tokens, std::vector<LeftOut>& leftOut);

/// Points from the smallest size to the largest; evictions that follow a ratio begin at the whole cache. Empty series
/// for a line without a value.
[[nodiscard]] CurveSeries deltaSeries(const DeltaLine& line, const EvalMetric& metric, bool tokens, std::uint64_t seed);

/// Shared ranges with room for all values and, as far as that leaves lines their shape, for their intervals. `yRange`:
/// fixed by the user where low < high.
void setDeltaRanges(std::vector<CurvePanel>& panels, const EvalMetric& metric, std::pair<double, double> yRange);

/// Intervals as bands of few lines, else as error bars side by side.
void setIntervals(std::vector<CurvePanel>& panels);

/// "n = 40", "n = 20 to 40": prompts behind the points of the measured series; empty if that is not known.
[[nodiscard]] std::string countText(const std::vector<DeltaLine>& lines);

} // namespace kvviz::plot
