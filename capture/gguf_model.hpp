// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Models in GGUF files.
#pragma once

#include "capture/gguf.hpp"
#include "capture/model.hpp"

namespace kvviz::capture {

/// What the file describes, without its weights. Throws as loadModel().
[[nodiscard]] Model describeModel(const GgufFile& file);

/// Is the output matrix the embedding?
[[nodiscard]] bool isTied(const GgufFile& file);

/// Reads architecture `llama` (attention rows un-permuted into the Hugging Face layout, so that keys and queries equal
/// what transformers computes). Throws Error(badInput): unknown architecture (lists the supported ones), missing or
/// misshapen tensor, contradictory numbers. `sha256` is left to the caller.
[[nodiscard]] std::shared_ptr<Model> loadModel(const GgufFile& file, WeightType type);
/// The same for a model larger than the memory: each layer is read from the mapped file whenever it is used.
[[nodiscard]] std::shared_ptr<Model> streamModel(std::shared_ptr<const GgufFile> file, WeightType type);

} // namespace kvviz::capture
