// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From checks of predictions to scatter plots: predicted against measured, the monotone curve through them with its
// interval, and how well ranks agree.
#pragma once

#include "views/figure_data.hpp"
#include "core/io/prediction_file.hpp"

#include <utility>
#include <vector>

namespace kvviz::plot {

/// A panel a check, on one measured axis; a colour and marker a task. `yRange`: in percent, low >= high: what the data
/// need. Throws Error(badInput) when no check has a point with both numbers.
[[nodiscard]] Figure predictionFigure(const std::vector<io::PredictionFile>& checks,
                                      const std::vector<Provenance>& sources, std::pair<double, double> yRange);

} // namespace kvviz::plot
