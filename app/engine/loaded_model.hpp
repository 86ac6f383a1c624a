// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A model file read for a command that runs it.
#pragma once

#include "capture/model.hpp"
#include "capture/tokenizer.hpp"

#include <memory>
#include <string>

namespace kvviz::app {

struct LoadedModel {
    std::shared_ptr<const capture::Model> model; ///< with the SHA-256 of its file
    std::shared_ptr<const capture::Tokenizer> tokenizer;
    double seconds = 0; ///< that reading took
};

/// The model of findModel(given), for so many threads (0: all cores). Throws Error(badInput).
[[nodiscard]] LoadedModel loadModelFile(const std::string& given, capture::WeightType type, int threads);

} // namespace kvviz::app
