// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The score that kvviz's own learned scorer gives a token, from its features (core/token_features).
#pragma once

#include "core/model_tables.hpp"

#include <span>
#include <vector>

namespace kvviz::compress {

/// Throws Error(badInput) when the sizes of a scorer's arrays contradict each other or a number is not finite.
void checkScorer(const core::TokenScorer& scorer);

/// s = w2 . silu(W1 x + b1) + b2 with x = (feature - mean) * scale, in double precision. `features` [tokens, inputs];
/// the scorer must have passed checkScorer. [tokens] Throws Error(badInput) for features of another width.
[[nodiscard]] std::vector<double> scorerOutput(const core::TokenScorer& scorer, std::span<const float> features);

} // namespace kvviz::compress
