// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Replay records for readers: averages over captures, a table, JSON and CSV.
#pragma once

#include "app/json_output.hpp"
#include "core/io/results.hpp"
#include "study/calibration_file.hpp"

#include <string>
#include <vector>

namespace kvviz::app {

/// One (method, budget), averaged over the captures it was replayed on. NaNs are left out of means.
struct ReplayAverage {
    std::string method, variant;
    double ratio = 0;          ///< nominal; the mean when budgets are in tokens
    std::int64_t budgetTokens = 0; ///< the largest
    std::int64_t captures = 0;
    std::string budgetUse = "follows"; ///< else the ratio is what the method took by itself
    double actualRatio = 0, sizeRatio = 0, keptTokens = 0; ///< fractions of tokens, bytes; tokens per layer and KV head
    double lost = 0, lostNonSink = 0, outputError = 0; ///< outputError is NaN at depth mass
    double predictedDelta = 0, predictedKl = 0;        ///< NaN without a readout in the captures
    double logprobDelta = 0, kl = 0, top1 = 0;         ///< NaN but at depth decode
    /// Change of score; NaN without a calibration.
    study::Calibration::Expected expected{io::kNotKnown, io::kNotKnown, io::kNotKnown};
    std::vector<std::string> flags;

};

/// Best first within a budget, budgets from large to small, last the methods that do not follow budgets. `byTokens`:
/// budgets were given in tokens. With a calibration, each average says the change of score to expect.
[[nodiscard]] std::vector<ReplayAverage> averages(const std::vector<io::ReplayRecord>& records, bool byTokens,
                                                  const study::Calibration* calibration = nullptr);
[[nodiscard]] std::string replayTable(const std::vector<ReplayAverage>& averages, bool byTokens);
[[nodiscard]] Json toJson(const io::ReplayRecord& record);
[[nodiscard]] Json toJson(const ReplayAverage& average);
[[nodiscard]] std::string replayCsv(const std::vector<io::ReplayRecord>& records);

} // namespace kvviz::app
