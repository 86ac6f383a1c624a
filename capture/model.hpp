// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The weights of a decoder-only transformer, ready to run, and their reading from a model file.
#pragma once

#include "capture/linear.hpp"
#include "core/capture_info.hpp"

#include <filesystem>
#include <memory>
#include <vector>

namespace kvviz::capture {

class GgufFile;

struct LayerWeights {
    std::vector<float> attentionNorm; // [hidden]
    Linear qkv;                       // [(H + 2 G) d, hidden]: query heads, then KV heads' keys, then values
    Linear attentionOutput;           // [hidden, H d]
    std::vector<float> ffnNorm;       // [hidden]
    Linear gateUp;                    // [2 ffn, hidden]: gate, then up
    Linear down;                      // [hidden, ffn]
};

struct Model {
    core::ModelInfo info;
    float normEps = 1e-5f;
    std::int64_t ffnSize = 0;
    Linear embedding; // [vocab, hidden]
    std::vector<LayerWeights> layers;
    std::vector<float> outputNorm; // [hidden]
    Linear output;                 // [vocab, hidden]; empty when tied to the embedding
    std::vector<float> inverseFrequency; // [ropeDim / 2]

    [[nodiscard]] const Linear& head() const { return output.outputs() > 0 ? output : embedding; }
};

/// Reads architecture `llama` from a GGUF file (attention rows un-permuted into the Hugging Face layout, so that keys
/// and queries equal what transformers computes). Throws Error(badInput): unknown architecture (lists the supported
/// ones), missing or misshapen tensor, contradictory numbers. `sha256` is left to the caller.
[[nodiscard]] std::shared_ptr<Model> loadModel(const GgufFile& file, WeightType type);

} // namespace kvviz::capture
