// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The parts of a transformer that treat every row by itself: norms, projections, rotation, feed-forward, logits, as the
// model's architecture record says.
// Whoever runs a model brings the attention. Projections go over chunks of rows, so scratch memory stays small.
#pragma once

#include "capture/model.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace kvviz::capture {

/// Grows `buffer` to at least `count` values; never shrinks it.
void resizeFor(std::vector<float>& buffer, std::int64_t count);

/// Throws Error(badInput) for an id outside the model's vocabulary.
void checkIds(const Model& model, std::span<const std::int32_t> ids);

/// Where the projections of a block of rows go.
struct QkvPlaces {
    float* query = nullptr; ///< [rows, H, d], after RoPE
    float* key = nullptr;   ///< (i, g, c) at i * rowStride + g * headStride + c, after RoPE
    float* value = nullptr; ///< likewise
    std::int64_t rowStride = 0;
    std::int64_t headStride = 0;
};

/// Sees rows [first, first + rows) of a block when they are projected: [rows, (H + 2 G) d] queries, keys and values
/// with biases and norms, before RoPE.
using ProjectionWatch = std::function<void(std::int64_t first, std::int64_t rows, const float* projected)>;

/// One model's row-wise arithmetic with its scratch memory; all threads in every call, one call at a time.
class LayerMath {
public:
    explicit LayerMath(std::shared_ptr<const Model> model) : m_model(std::move(model)) {}

    /// hidden[ids, hidden] = the embeddings.
    void embed(std::span<const std::int32_t> ids, float* hidden) const;
    /// From now on row i of a block is at position i of an input of so many tokens, as in a prefill.
    void setInput(std::int64_t tokens);
    /// From now on row i of a block is at positions[i mod positions.size()], each the end of an input, as in decoding.
    void setSteps(std::span<const std::int64_t> positions);
    /// The same for positions first, first + 1, ...
    void setSteps(std::int64_t first, std::int64_t count);
    /// The cosines and sines of this layer at the positions set last.
    [[nodiscard]] const RopeTable& rotationOf(int layer) const;
    /// Norm, query, key and value projections and rotation of hidden[rows, hidden].
    void projectQkv(int layer, const float* hidden, std::int64_t rows, const QkvPlaces& places,
                    const ProjectionWatch& watch = {});
    /// hidden[rows, hidden] += attended[rows, H, d] Wo^T, with its bias and norm.
    void addAttentionOutput(int layer, const float* attended, std::int64_t rows, float* hidden);
    /// hidden[rows, hidden] += the feed-forward part of it.
    void addFeedForward(int layer, std::int64_t rows, float* hidden);
    /// out[rows, hidden] = the output norm of hidden[rows, hidden].
    void outputNorm(const float* hidden, std::int64_t rows, float* out) const;
    /// out[rows, vocab] of hidden[rows, hidden], output norm included.
    void logits(const float* hidden, std::int64_t rows, float* out);

private:
    using TableOf = RopeTable (*)(const RopeSpec&, std::span<const std::int64_t>);
    void setTables(std::span<const std::int64_t> positions, TableOf table);
    [[nodiscard]] std::shared_ptr<const LayerWeights> weightsOf(int layer);
    void norm(const std::vector<float>& weight, const float* hidden, std::int64_t rows, float* out) const;
    void placeRow(int layer, std::int64_t row, float* qkv, const QkvPlaces& places) const;
    /// hidden += input W^T, or += norm(input W^T + bias) where the model has either.
    void addProjected(const Linear& linear, const std::vector<float>& bias, const std::vector<float>& outputNorm,
                      const float* input, std::int64_t rows, float* hidden);

    std::shared_ptr<const Model> m_model;
    std::int64_t m_period = 1; // positions in the rotation tables
    RopeTable m_global, m_local; // of the positions set last
    int m_layer = -1; // whose weights are held: a layer that is read from the file stays until the next is asked for
    std::shared_ptr<const LayerWeights> m_weights;
    std::vector<float> m_projected;      // [chunk, hidden]
    std::vector<float> m_normed;         // [chunk, hidden]
    std::vector<float> m_qkv;            // [chunk, (H + 2 G) d]
    std::vector<float> m_gateUp;         // [chunk, 2 ffn]
    std::vector<float> m_gate;           // [chunk, ffn]
};

} // namespace kvviz::capture
