// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A model file opened for running, the same way for every command of the engine.
#pragma once

#include "capture/model.hpp"
#include "capture/tokenizer.hpp"

#include <memory>
#include <string>

namespace kvviz::app {

struct LoadedModel {
    std::shared_ptr<const capture::Model> model; ///< with its file's SHA-256
    std::shared_ptr<const capture::Tokenizer> tokenizer;
    double seconds = 0;
};

/// `given`: --model or empty (see findModel). dtype: float32 or bfloat16 weights; device: cpu. threads 0: all.
/// Throws Error(usage), Error(badInput), Error(device).
[[nodiscard]] LoadedModel loadModelFile(const std::string& given, const std::string& dtype, const std::string& device,
                                        int threads);

} // namespace kvviz::app
