// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A model read for a command that runs it.
#pragma once

#include "app/options.hpp"
#include "capture/model.hpp"
#include "capture/tokenizer.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace kvviz::app {

enum class ModelUse : std::uint8_t {
    runs,      ///< here
    elsewhere, ///< on a GPU: no layer is kept here
    described  ///< sizes and tokens are asked for: the model has neither weights nor a SHA-256
};

struct LoadedModel {
    std::shared_ptr<const capture::Model> model; ///< with the SHA-256 of its files
    std::shared_ptr<const capture::Tokenizer> tokenizer;
    double seconds = 0; ///< that reading took
};

/// The model of findModel(given), a GGUF file or a Hugging Face folder, with the threads that the user wants. The
/// layers of a folder whose weights do not fit into the free memory are read each time they are used; that is noted on
/// standard error. Throws Error(badInput).
[[nodiscard]] LoadedModel loadModelFile(const std::string& given, capture::WeightType type, const CommonOptions& common,
                                        ModelUse use = ModelUse::runs);

} // namespace kvviz::app
