// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Files of results as figures need them: records joined, with where the numbers come from; for the command line and the
// window.
#pragma once

#include "core/io/results.hpp"
#include "views/prediction_data.hpp"

#include <filesystem>
#include <utility>
#include <vector>

namespace kvviz::plot {

using Files = std::vector<std::filesystem::path>;

/// Records of several files, joined, and where they come from.
struct Evaluations {
    std::vector<io::EvalRecord> records;
    std::vector<Provenance> sources;
};
struct Replays {
    std::vector<io::ReplayRecord> records; ///< scalars and aggregates
    std::vector<Provenance> sources;
};

/// *.kvres.h5; with `arrays` the scores of single prompts, too. All of these throw as the readers do.
[[nodiscard]] Evaluations readEvaluations(const Files& files, bool arrays);
[[nodiscard]] Replays readReplays(const Files& files);
/// Checks of predictions, *.json. `yRange`: of the axis, in percent; (0, 0): as the points need.
[[nodiscard]] Figure predictionFigureOf(const Files& files, std::pair<double, double> yRange);

} // namespace kvviz::plot
