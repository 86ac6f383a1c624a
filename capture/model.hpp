// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The weights of a decoder-only transformer, ready to run. capture/gguf_model.hpp and capture/hf_model.hpp read them.
#pragma once

#include "capture/architecture.hpp"
#include "capture/linear.hpp"
#include "core/capture_info.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace kvviz::capture {

/// Vectors are empty where the model has none.
struct LayerWeights {
    std::vector<float> attentionNorm; // [hidden]
    Linear qkv;                       // [(H + 2 G) d, hidden]: query heads, then KV heads' keys, then values
    std::vector<float> qkvBias;       // [(H + 2 G) d]
    std::vector<float> queryNorm;     // [d] of each query head, before its rotation
    std::vector<float> keyNorm;       // [d]
    Linear attentionOutput;           // [hidden, H d]
    std::vector<float> attentionOutputBias; // [hidden]
    std::vector<float> attentionOutputNorm; // [hidden] of what attention writes
    std::vector<float> ffnNorm;       // [hidden]
    Linear gateUp;                    // [2 ffn, hidden]: gate, then up
    std::vector<float> gateUpBias;    // [2 ffn]
    Linear down;                      // [hidden, ffn]
    std::vector<float> downBias;      // [hidden]
    std::vector<float> ffnOutputNorm; // [hidden] of what the feed-forward part writes
};

struct Model {
    core::ModelInfo info;
    Architecture arch;
    Linear embedding; // [vocab, hidden]
    std::vector<float> outputNorm; // [hidden]
    Linear output;                 // [vocab, hidden]; empty when tied to the embedding
    std::vector<std::shared_ptr<const LayerWeights>> layers; ///< [L]; null: read each time it is used
    std::function<LayerWeights(int)> readLayer;              ///< for those

    [[nodiscard]] const Linear& head() const { return output.outputs() > 0 ? output : embedding; }
    [[nodiscard]] std::shared_ptr<const LayerWeights> layer(int index) const
    {
        const auto& kept = layers.at(static_cast<std::size_t>(index));
        return kept ? kept : std::make_shared<const LayerWeights>(readLayer(index));
    }
    [[nodiscard]] const RopeSpec& ropeOf(int layer) const
    {
        return info.slidingWindow(layer) > 0 ? arch.localRope : arch.rope;
    }
    /// The description of this model in a capture of `length` tokens: the frequencies of some models depend on it.
    [[nodiscard]] core::ModelInfo infoFor(std::int64_t length) const;
};

} // namespace kvviz::capture
