// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The continuation of a prompt run again without its prefill: known tokens go through the model over whatever cache the
// caller holds. Many independent streams (one for each method and budget) share the weights, layer by layer.
#pragma once

#include "capture/layer_math.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace kvviz::capture {

/// Attention of the continuation's queries over the caller's prompt cache and over the continuation itself.
class ContinuationAttention {
public:
    virtual ~ContinuationAttention() = default;
    /// query: [t, H, d] after RoPE at true positions n .. n + t - 1. key, value: [t, G, d] of the same tokens as this
    /// stream computes them, keys after RoPE; query i may see those of tokens 0 .. i. out: [t, H, d], to be written
    /// whole. When one call of runLayer serves several streams, their attend() run at the same time on many threads
    /// (an OpenMP loop inside then runs on its caller's thread alone); an exception leaves runLayer.
    virtual void attend(int layer, const float* query, const float* key, const float* value, float* out) const = 0;
};

class Continuation {
public:
    /// `ids`: the t tokens of every stream, the first at position `firstPosition` (the number of prompt tokens).
    /// Memory: streams x t x hidden floats, and scratch of a few thousand rows. Throws Error(badInput): no tokens, an
    /// id outside the vocabulary, positions beyond the model's context.
    Continuation(std::shared_ptr<const Model> model, std::int64_t firstPosition, std::span<const std::int32_t> ids,
                 std::int64_t streams);

    [[nodiscard]] std::int64_t tokens() const noexcept { return m_tokens; } ///< t
    [[nodiscard]] std::int64_t streams() const noexcept { return std::ssize(m_layersDone); }

    /// Takes streams firstStream .. firstStream + perStream.size() - 1 through one layer, their rows in common matrix
    /// products (the more streams at once the better). Every stream goes through layers 0, 1, ... in order, each once;
    /// streams may be at different layers. Throws Error(failure) otherwise.
    void runLayer(int layer, std::int64_t firstStream, std::span<const ContinuationAttention* const> perStream);
    void runLayer(int layer, std::int64_t stream, const ContinuationAttention& attention);
    /// out[t, vocab]: row i predicts the token after token i. Throws Error(failure) before all layers have run.
    void logits(std::int64_t stream, float* out);

private:
    void runBatch(int layer, std::int64_t firstStream, std::span<const ContinuationAttention* const> perStream);

    std::shared_ptr<const Model> m_model;
    std::int64_t m_tokens;
    LayerMath m_math;
    std::vector<int> m_layersDone;     // [streams]
    std::vector<float> m_hidden;       // [streams, t, hidden] residual streams
    std::vector<float> m_query;        // [batch, t, H, d]
    std::vector<float> m_key, m_value; // [batch, t, G, d]
    std::vector<float> m_attended;     // [batch, t, H, d]
};

} // namespace kvviz::capture
