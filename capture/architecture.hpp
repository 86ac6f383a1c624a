// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What one decoder-only transformer does otherwise than the next. One decoder reads this record; there is no code per
// family. What is a matter of weights being there or not (biases, norms of queries and keys, norms of what a part
// writes) is in LayerWeights; sizes, scores and sliding windows are in core::ModelInfo, for captures to keep.
#pragma once

#include "capture/cpu_kernels.hpp"
#include "capture/rope.hpp"

namespace kvviz::capture {

struct Architecture {
    Activation activation = Activation::silu;
    std::int64_t ffnSize = 0;
    float normEps = 1e-5f;
    float embeddingScale = 1; ///< Gemma: sqrt(hidden)
    float logitCap = 0;       ///< c of c tanh(logit / c); 0: none
    RopeSpec rope;
    RopeSpec localRope; ///< of layers with a sliding window; the same as `rope` in most models
};

} // namespace kvviz::capture
