// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// config.json of a Hugging Face folder as what the decoder needs to know. Keys that are missing get the default that
// transformers gives them for the family; keys in the old and the new form of RoPE settings are both read.
#pragma once

#include "capture/architecture.hpp"
#include "capture/safetensors.hpp"
#include "core/capture_info.hpp"

#include <filesystem>
#include <string>

namespace kvviz::capture {

/// What a model folder describes: sizes, arithmetic, and which tensors there are.
struct HfModelSpec {
    core::ModelInfo info; ///< without sha256
    Architecture arch;
    std::string family;          ///< model_type: "llama", "gemma3_text", ...
    bool qkvBias = false, outputBias = false, ffnBias = false;
    bool headNorms = false;      ///< norms of queries and keys
    bool outputNorms = false;    ///< norms of what attention and feed-forward write
    bool normsFromOne = false;   ///< norm weights are stored less one (Gemma)
    bool fusedProjections = false; ///< qkv_proj and gate_up_proj (Phi-3)
    bool tied = false;           ///< the output matrix is the embedding
    ScaleBlock scaleBlock;       ///< of 8-bit floats
};

/// Throws Error(badInput): no JSON, a key of another kind or out of range (names it and its value), an architecture that
/// is not supported (lists those that are), RoPE kinds that are not, settings that contradict each other.
[[nodiscard]] HfModelSpec readHfConfig(const std::filesystem::path& configFile);

/// "gemma2, gemma3, ..."
[[nodiscard]] std::string supportedFamilies();

} // namespace kvviz::capture
