// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What kvviz's own learned scorer sees of a token, and the score it gives. Training and replay use the same functions.
#pragma once

#include "core/capture_source.hpp"
#include "core/model_tables.hpp"
#include "core/rotary.hpp"

#include <span>
#include <vector>

namespace kvviz::compress {

/// Features of tokens 0..tokens-1: the keys of KV heads 0, 1, ... before RoPE, then the values of KV heads 0, 1, ...
/// `data` must hold keys and values. [tokens, 2 G d] Throws Error(badInput) if they are not there, if there are fewer
/// tokens, or if the rotation has more channels than a head.
[[nodiscard]] std::vector<float> tokenFeatures(const core::LayerData& data, const core::Rotary& rotary,
                                               std::int64_t tokens);

/// Throws Error(badInput) when the sizes of a scorer's arrays contradict each other or a number is not finite.
void checkScorer(const core::TokenScorer& scorer);

/// s = w2 . silu(W1 x + b1) + b2 with x = (feature - mean) * scale, in double precision. `features` [tokens, inputs];
/// the scorer must have passed checkScorer. [tokens] Throws Error(badInput) for features of another width.
[[nodiscard]] std::vector<double> scorerOutput(const core::TokenScorer& scorer, std::span<const float> features);

} // namespace kvviz::compress
