// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Sections of the report that are figures of curves, and how they are told to the page's script. For the sources of the
// report and their tests only: includes nlohmann-json.
#pragma once

#include "core/io/results.hpp"
#include "views/curve_data.hpp"
#include "views/published_series.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace kvviz::plot {

using ReportJson = nlohmann::ordered_json;

/// Panels with ranges, series and their looks; small print.
[[nodiscard]] ReportJson curvesJson(const CurveFigure& figure);

/// {id, heading, intro, panels, notes[, withoutSinks: {panels, notes}]}
[[nodiscard]] ReportJson cumulativeSection(const CumulativeCurves& curves, int sinkTokens);
/// What the page shows of replays: a section for each metric that they hold. What cannot be drawn goes to `leftOut`.
[[nodiscard]] std::vector<ReportJson> replaySections(const std::vector<io::ReplayRecord>& records,
                                                     std::vector<LeftOut>& leftOut);
/// Changes of score by method, a panel a task.
[[nodiscard]] std::vector<ReportJson> evalSections(const std::vector<io::EvalRecord>& records,
                                                   const PublishedSource& published, std::vector<LeftOut>& leftOut);

/// Finite values with 5 significant digits, null for others.
[[nodiscard]] ReportJson reportNumber(double value);

} // namespace kvviz::plot
