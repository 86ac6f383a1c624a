// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From files of results to the figures that are drawn from them, with where the numbers come from; for the command line
// and the window.
#pragma once

#include "views/delta_data.hpp"
#include "views/method_data.hpp"
#include "views/prediction_data.hpp"

#include <filesystem>
#include <utility>
#include <vector>

namespace kvviz::plot {

using Files = std::vector<std::filesystem::path>;

/// Evaluations, *.kvres.h5. All of these throw as the readers and builders do.
[[nodiscard]] Figure deltaFigureOf(const Files& files, const DeltaRequest& request);
/// Replays, *.kvres.h5.
[[nodiscard]] Figure methodsFigureOf(const Files& files, const MethodRequest& request);
/// Checks of predictions, *.json. `yRange`: of the axis, in percent; (0, 0): as the points need.
[[nodiscard]] Figure predictionFigureOf(const Files& files, std::pair<double, double> yRange);

} // namespace kvviz::plot
