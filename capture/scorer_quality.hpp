// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How good a token scorer is on samples: cross-entropy, and the future attention kept when only the tokens it prefers
// are kept, beside what no knowledge, short keys and full knowledge of the future would keep. No LibTorch here.
#pragma once

#include "capture/scorer_samples.hpp"
#include "core/model_tables.hpp"

#include <span>

namespace kvviz::capture {

/// Means over samples, each with the same weight.
struct ScorerQuality {
    std::int64_t captures = 0;
    double crossEntropy = 0; ///< of softmax(scores) against the future attention, in nats
    double uniform = 0;      ///< the same of equal scores: ln(tokens)
    double entropy = 0;      ///< of the future attention itself: no scorer gets below
    // Share of the future attention on the best floor(ratio * tokens + 1e-9) tokens, at least one, by:
    double retained = 0;     ///< the scorer
    double random = 0;       ///< chance, in expectation
    double keyNorm = 0;      ///< short keys first (Knorm) at the scorer's layer, one choice for all heads
    double oracle = 0;       ///< the future itself: no choice of tokens for all layers and heads keeps more
};

/// s = w2 . silu(W1 x + b1) + b2 for every token of `features` [tokens, inputs], in double.
[[nodiscard]] std::vector<double> scorerOutput(const core::TokenScorer& scorer, std::span<const float> features);

[[nodiscard]] ScorerQuality judgeScorer(const core::TokenScorer& scorer,
                                        const std::vector<const ScorerSample*>& samples, double ratio);

} // namespace kvviz::capture
