// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What `kvviz calibrate` writes of a predictor: predicted and measured changes of score, how well they agree, and the
// monotone curve from one to the other. JSON, format "kvviz-prediction-check".
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

namespace kvviz::io {

inline constexpr const char* kPredictionFormat = "kvviz-prediction-check";
inline constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

/// One task, method and ratio. Changes are fractions of the full cache's score, NaN where the file has null.
struct PredictionPoint {
    std::string task, method;
    double ratio = kNoNumber;
    double predicted = kNoNumber; ///< in the predictor's own units
    double measured = kNoNumber, low = kNoNumber, high = kNoNumber; ///< with its interval
    double expected = kNoNumber; ///< of a curve that has not seen this task
};

struct PredictionAgreement {
    double value = kNoNumber, low = kNoNumber, high = kNoNumber;
};

struct PredictionFile {
    std::string predictor;     ///< for people
    std::string predictorName; ///< as --predictor takes it; may be empty
    std::string model;
    std::int64_t tasks = 0, prompts = 0; ///< learned from: tasks, and prompts evaluated in them together
    std::vector<PredictionPoint> points;
    PredictionAgreement spearman, kendall;
    std::vector<double> curveX, curveY; ///< ascending x; both empty: no curve
    double residualLow = kNoNumber, residualHigh = kNoNumber; ///< of tasks that the curve has not seen
};

/// Throws Error(badInput) when the file cannot be read, and naming the entry that is not as it should be.
[[nodiscard]] PredictionFile readPredictionFile(const std::filesystem::path& path);

} // namespace kvviz::io
