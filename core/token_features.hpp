// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What kvviz's own learned scorer sees of a token. Training and replay use this same function.
#pragma once

#include "core/capture_source.hpp"
#include "core/rotary.hpp"

#include <vector>

namespace kvviz::core {

/// Features of tokens 0..tokens-1: the keys of KV heads 0, 1, ... before RoPE, then the values of KV heads 0, 1, ...
/// `data` must hold keys and values. [tokens, 2 G d] Throws Error(badInput) if they are not there, if there are fewer
/// tokens, or if the rotation has more channels than a head.
[[nodiscard]] std::vector<float> tokenFeatures(const LayerData& data, const Rotary& rotary, std::int64_t tokens);

} // namespace kvviz::core
