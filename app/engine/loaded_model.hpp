// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A model read for a command that runs it.
#pragma once

#include "app/options.hpp"
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

/// The model of findModel(given), a GGUF file or a Hugging Face folder, with the threads that the user wants. The
/// layers of a folder whose weights do not fit into the free memory are read each time they are used; that is noted on
/// standard error. With `readLayers` no layer is kept in any case: the weights go elsewhere, to a GPU.
/// Throws Error(badInput).
[[nodiscard]] LoadedModel loadModelFile(const std::string& given, capture::WeightType type, const CommonOptions& common,
                                        bool readLayers = false);

} // namespace kvviz::app
