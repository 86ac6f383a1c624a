// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Predicted against measured: what replays of some prompts say about (task, method, ratio), beside what an evaluation
// of other prompts of the same tasks measured.
#pragma once

#include "core/bootstrap.hpp"
#include "core/io/results.hpp"
#include "core/isotonic.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::study {

/// A number of a replay that is meant to say how much a method will cost.
struct Predictor {
    std::string_view name;  ///< "predicted", "lost_non_sink"
    std::string_view label; ///< "predicted change of log-probability"
    core::Direction direction; ///< of the score change as the predictor rises
    double io::ReplayRecord::*value;
};
/// In the order in which they are to be chosen: a divergence needs fewer captures than a change of log-probability,
/// whose sign on a single token is often wrong.
[[nodiscard]] std::span<const Predictor> predictors();
/// Throws Error(usage) naming all of them.
[[nodiscard]] const Predictor& predictorNamed(std::string_view name);

/// One task, method and ratio; changes are fractions of the full cache's score. NaN: not known.
struct PredictionPoint {
    std::string task, method; ///< method with its variant, as it is typed
    double ratio = 1;
    double predicted = io::kNotKnown; ///< mean of the captures, in the predictor's units
    std::int64_t captures = 0;        ///< that have the prediction
    double measured = io::kNotKnown, low = io::kNotKnown, high = io::kNotKnown; ///< change of score with its interval
    double gold = io::kNotKnown;      ///< measured change of the gold answers' log-probability
    std::int64_t prompts = 0;         ///< evaluated
    double expected = io::kNotKnown;  ///< change of score by a curve that has not seen this task
};

/// How well ranks agree; intervals by drawing whole tasks. A single task has none.
struct Agreement {
    std::string task; ///< empty: all tasks
    core::Estimate spearman, kendall; ///< predictor against the change of score
    core::Estimate goldSpearman;      ///< against the change of the gold answers' log-probability
};

struct PredictionCheck {
    std::string predictor, label, model;
    core::Direction direction = core::Direction::rising;
    std::vector<PredictionPoint> points; ///< with a prediction and a measurement; by task, method, falling ratio
    Agreement overall;
    std::vector<Agreement> tasks;
    core::IsotonicCalibration calibration; ///< leave one task out; empty fit without points
};

/// Points are the (task, method, ratio) that both sides have; the full cache is none, and evaluations in tokens instead
/// of ratios are left out. Of a task evaluated in several settings the default one counts. Throws Error(badInput): no
/// point; a prompt on both sides (named); two models; one (task, method, ratio) evaluated twice; a task in several
/// settings without the default one. `evaluations` with their prompt ids.
[[nodiscard]] PredictionCheck checkPrediction(std::span<const io::ReplayRecord> replays,
                                              std::span<const io::EvalRecord> evaluations, const Predictor& predictor,
                                              const core::ResamplingOptions& options = {});

/// Does any of the replays hold this number?
[[nodiscard]] bool isKnown(const Predictor& predictor, std::span<const io::ReplayRecord> replays);

} // namespace kvviz::study
