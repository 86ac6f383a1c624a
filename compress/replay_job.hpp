// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One (method, budget, draw) on its way through the layers, and how its layers become a result.
#pragma once

#include "compress/changed_metrics.hpp"
#include "compress/prediction.hpp"
#include "compress/replay.hpp"

namespace kvviz::compress {

struct ReplayJob {
    const Method* method = nullptr;
    const Survey* survey = nullptr;
    std::uint64_t seed = 0;
    ReplayResult result;
    std::vector<LayerPlan> plans; ///< of the layers so far, without keptDecode and changed
    LayerPlan plan;               ///< of the current layer
    LayerMetrics metrics;
    std::vector<double> headSeconds;     // [G]
    std::vector<std::int64_t> headDead;  // [G]
    std::vector<double> concatErrors, blockErrors; // all layers so far
    std::vector<Reconstruction> reconstructions;   // of layers that were changed
    std::map<std::string, std::pair<double, std::int64_t>> facts; ///< sum and count
    std::optional<LogprobPrediction> prediction; ///< when the capture has a readout
    double bytes = 0;
};

[[nodiscard]] ReplayJob makeJob(const Method& method, const Budget& budget, std::int64_t nPrompt);
/// Takes the current layer's plan and metrics into the result.
void storeLayer(ReplayJob& job, const core::LayerData& data, const std::vector<core::Segment>& segments, bool keepMasks);
/// Aggregates after the last layer. `readout`: of jobs with a prediction.
void finishJob(ReplayJob& job, const ReplayRequest& request, std::int64_t nPrompt, int headDim,
               const core::ReadoutTokens* readout);
/// One result of several draws: means, and the spread of meanLost.
[[nodiscard]] ReplayResult mergeDraws(std::vector<ReplayResult> draws);

} // namespace kvviz::compress
