// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Attention of a layer on a device. A prompt's rows are never whole in memory: fused kernels, or blocks of them, give
// outputs and the log-sum-exp of each row, from which an AttentionReducer makes the rest.
#pragma once

#include "core/score_rule.hpp"

#include <ATen/core/Tensor.h>

namespace kvviz::capture {

struct PromptAttention {
    at::Tensor output;    // [n, H, d] in the type of the queries
    at::Tensor logSumExp; // [H, n] float32, contiguous
};

/// query [n, H, d], key and value [G, n, d], after RoPE. `fused`: this device has fused kernels; they are taken where
/// they know the rule (no soft cap; a window only in half precision) and the head size.
[[nodiscard]] PromptAttention attendPrompt(const core::ScoreRule& rule, const at::Tensor& query, const at::Tensor& key,
                                           const at::Tensor& value, bool fused);

struct StepAttention {
    at::Tensor output;        // [H, d] float32
    at::Tensor probabilities; // [H, keys] float32
    at::Tensor entropy;       // [H] nats
    at::Tensor sinkMass;      // [H] on the first `sinks` keys
};

/// One query [H, d] on key and value [G, keys, d].
[[nodiscard]] StepAttention attendStep(const core::ScoreRule& rule, const at::Tensor& query, const at::Tensor& key,
                                       const at::Tensor& value, std::int64_t sinks);

} // namespace kvviz::capture
