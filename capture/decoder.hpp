// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Runs a model over token ids: one prefill, then steps. Attention goes through the hooks.
#pragma once

#include "capture/attention.hpp"
#include "capture/kv_cache.hpp"
#include "capture/layer_math.hpp"
#include "capture/model.hpp"
#include "capture/query_moments.hpp"
#include "core/progress.hpp"

#include <memory>
#include <span>

namespace kvviz::capture {

struct DecoderOptions {
    std::int64_t capacity = 0;  ///< most tokens (prompt and continuation)
    std::int64_t window = 0;    ///< W of AttentionStatistics::receivedWindow
    std::int64_t sinks = 4;     ///< k of AttentionStatistics::sinkMass; queryMean starts after them
    bool promptLogits = true;   ///< logits of every prompt position, or of the last only
    bool queryStatistics = false; ///< fill AttentionStatistics::queryMean and queryCovariance
};

class Decoder {
public:
    /// Throws Error(badInput) when the capacity exceeds the model's context.
    Decoder(std::shared_ptr<const Model> model, const DecoderOptions& options);

    void addHook(AttentionHook* hook) { m_hooks.push_back(hook); }
    void addHook(LogitsHook* hook) { m_logitsHooks.push_back(hook); }
    void addHook(StreamHook* hook) { m_streamHooks.push_back(hook); }

    /// The whole prompt. Returns the logits [vocab] after its last token, valid until the next call.
    std::span<const float> prefill(std::span<const std::int32_t> ids, const core::Progress& progress = {});
    /// One more token; returns the logits after it.
    std::span<const float> step(std::int32_t id);

    [[nodiscard]] const KvCache& cache() const { return m_cache; }
    /// Moves the cache out; the decoder cannot go on.
    [[nodiscard]] KvCache takeCache() && { return std::move(m_cache); }
    [[nodiscard]] const Model& model() const { return *m_model; }
    [[nodiscard]] std::int64_t size() const { return m_cache.size(); }

private:
    void checkFits(std::span<const std::int32_t> ids) const;
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
    std::vector<AttentionHook*> m_hooks;
    std::vector<LogitsHook*> m_logitsHooks;
    std::vector<StreamHook*> m_streamHooks;

    std::vector<float> m_hidden;    // [rows, hidden] residual stream
    std::vector<float> m_query;     // [rows, H, d]
    std::vector<float> m_attended;  // [rows, H, d]
    std::vector<float> m_logits;    // [chunk, vocab]
    std::vector<float> m_lastLogits; // [vocab]
    std::vector<float> m_stepRows;  // [H, keys]
};

} // namespace kvviz::capture
