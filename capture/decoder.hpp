// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Runs a model over token ids on the CPU: one prefill, then steps. Attention goes through the hooks.
#pragma once

#include "capture/attention.hpp"
#include "capture/layer_math.hpp"
#include "capture/query_moments.hpp"
#include "capture/runner.hpp"

#include <memory>
#include <span>

namespace kvviz::capture {

class Decoder final : public Runner {
public:
    /// Throws Error(badInput) when the capacity exceeds the model's context.
    Decoder(std::shared_ptr<const Model> model, const DecoderOptions& options);

    std::span<const float> prefill(std::span<const std::int32_t> ids, const core::Progress& progress = {}) override;
    std::span<const float> step(std::int32_t id) override;

    [[nodiscard]] LayerCache layerCache(int layer) const override
    {
        return {m_cache.key(layer), m_cache.value(layer), m_cache.headStride()};
    }
    [[nodiscard]] const KvCache& cache() const override { return m_cache; }
    /// Moves the cache out; the decoder cannot go on.
    [[nodiscard]] KvCache takeCache() && { return std::move(m_cache); }
    [[nodiscard]] const Model& model() const { return *m_model; }
    [[nodiscard]] std::int64_t size() const override { return m_cache.size(); }

private:
    void runLayer(int layer, std::int64_t begin, std::int64_t rows);
    void attendPrompt(int layer, std::int64_t rows);
    void attendStep(int layer, std::int64_t position);
    /// `stream`: residual stream [rows, hidden] of positions [begin, begin + rows).
    void emitLogits(std::int64_t begin, std::int64_t rows, const float* stream);
    ProjectionWatch promptWatch();
    void resetStatistics();

    std::shared_ptr<const Model> m_model;
    DecoderOptions m_options;
    AttentionShape m_shape;
    KvCache m_cache;
    BlockAttention m_attention;
    LayerMath m_math;
    AttentionStatistics m_statistics;
    QueryMoments m_moments;

    std::vector<float> m_hidden;    // [rows, hidden] residual stream
    std::vector<float> m_query;     // [rows, H, d]
    std::vector<float> m_attended;  // [rows, H, d]
    std::vector<float> m_logits;    // [chunk, vocab]
    std::vector<float> m_lastLogits; // [vocab]
    std::vector<float> m_stepRows;  // [H, keys]
};

} // namespace kvviz::capture
