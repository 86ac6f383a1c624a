// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A check of predictions as a JSON file (format "kvviz-prediction-check"): `kvviz calibrate` writes it, `kvviz figure
// predicted` draws it, and `kvviz replay --calibration` takes the curve of expected changes of score from it.
#pragma once

#include "study/prediction_check.hpp"

#include <filesystem>

namespace kvviz::study {

/// The text of the file. Numbers that are not known are null.
[[nodiscard]] std::string checkText(const PredictionCheck& check, const std::string& creator,
                                    const std::string& commandLine);

/// What a replay needs of a check.
struct Calibration {
    std::string predictor, label, model;
    std::int64_t tasks = 0, prompts = 0; ///< learned from: tasks, and prompts evaluated in them together
    core::IsotonicCalibration curve;     ///< without `predictions`

    struct Expected {
        double value, low, high; ///< change of score, a fraction >= -1 of the full cache's; NaN: the curve says nothing
    };
    [[nodiscard]] Expected expect(double prediction) const;
};

/// Throws Error(badInput) as io::readPredictionFile does, and for a file without a curve of a known predictor.
[[nodiscard]] Calibration readCalibration(const std::filesystem::path& path);

} // namespace kvviz::study
