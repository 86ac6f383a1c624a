// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Hooks that keep what a capture tier holds, until it is written: exact rows and queries, statistics, pooled and full
// maps, per-token log-probabilities.
#pragma once

#include "capture/attention_hook.hpp"
#include "core/half.hpp"
#include "core/io/capture_writer.hpp"
#include "core/pooling.hpp"

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace kvviz::capture {

/// Which layers and heads are kept; positions in these lists are the slots of the file.
struct CaptureSelection {
    std::vector<int> layers; ///< ascending
    std::vector<int> heads;  ///< query heads, whole KV groups, ascending
    std::vector<int> kvHeads;
    std::vector<int> slotOfLayer; ///< [model layers], -1 = not kept

    [[nodiscard]] int slot(int layer) const { return slotOfLayer[static_cast<std::size_t>(layer)]; }
};

/// float values kept in the type they will be stored in, so that a long capture stays small.
class PackedFloats {
public:
    explicit PackedFloats(core::StorageType type = core::StorageType::float16) : m_type(type) {}
    void append(const float* values, std::int64_t count);
    [[nodiscard]] std::int64_t size() const;
    void copy(std::int64_t begin, std::int64_t count, float* out) const;

private:
    core::StorageType m_type;
    std::vector<core::Half> m_half;
    std::vector<float> m_float;
};

/// Statistics of every layer, and with `exact` the window rows, decode rows, queries and query statistics.
class LayerRecorder final : public AttentionHook {
public:
    LayerRecorder(CaptureSelection selection, std::int64_t n, std::int64_t window, int headDim, bool exact,
                  core::StorageType rowsType, core::StorageType cacheType);

    [[nodiscard]] bool wantsRows(int layer, Phase phase, std::int64_t begin, std::int64_t end) const override;
    void onRows(const AttentionRows& rows) override;
    void onLayer(const LayerState& state, const AttentionStatistics& statistics) override;
    [[nodiscard]] LayerNeeds layerNeeds(int layer, Phase phase, std::int64_t queries) const override;

    /// Everything of one slot as float32 arrays of the final shape (t decode steps); keys and values are not here.
    struct Arrays {
        std::vector<float> received, receivedWindow, receivedSq, receivedSqFar, entropy, sinkMass; // [H, n+t]
        std::vector<float> windowRows, decodeRows, query, queryMean, queryCovariance; // empty unless exact
    };
    [[nodiscard]] Arrays arrays(std::int64_t slot, std::int64_t t) const;

private:
    struct Layer {
        std::vector<float> received, receivedWindow, receivedSq, receivedSqFar; // [H, n]
        std::vector<float> entropy, sinkMass;                                   // [H, n]
        std::vector<float> queryMean, queryCovariance;                          // [H, d], [H, d, d]
        std::vector<float> stepEntropy, stepSinkMass;                           // [t, H]
        PackedFloats windowRows; // query by query: [H, n]
        PackedFloats decodeRows; // step by step: [H, n + i + 1]
        PackedFloats queries;    // query by query: [H, d]
    };
    void keepQueryStatistics(Layer& layer, const AttentionStatistics& statistics) const;

    CaptureSelection m_selection;
    std::int64_t m_n, m_window;
    int m_headDim;
    bool m_exact;
    std::vector<Layer> m_layers;
};

/// Pools and writes prompt maps while the model runs (tiers map and full).
class MapRecorder final : public AttentionHook {
public:
    /// `mapCap` 0: no pyramid. `full`: exact rows too.
    MapRecorder(CaptureSelection selection, io::CaptureWriter& writer, std::int64_t n, std::int64_t mapCap, bool full);

    [[nodiscard]] bool wantsRows(int layer, Phase phase, std::int64_t begin, std::int64_t end) const override;
    void onRows(const AttentionRows& rows) override;
    void onLayer(const LayerState& state, const AttentionStatistics& statistics) override;
    [[nodiscard]] LayerNeeds layerNeeds(int, Phase, std::int64_t queries) const override { return {queries, false}; }
    void acceptPooling() override { m_pooledByRunner = true; }
    [[nodiscard]] std::int64_t pooledCell(int layer) const override;
    void onPooled(const PooledMap& map) override;

private:
    [[nodiscard]] bool poolsRows() const { return m_pyramid.has_value() && !m_pooledByRunner; }

    CaptureSelection m_selection;
    io::CaptureWriter& m_writer;
    bool m_full;
    bool m_pooledByRunner = false;
    std::optional<core::MapPyramid> m_pyramid;
    std::vector<float> m_gathered; // rows of the kept heads when those are not neighbours
};

/// Per-token log-probabilities and the most likely next tokens.
class LogitsRecorder final : public LogitsHook {
public:
    LogitsRecorder(std::vector<std::int32_t> promptIds, int topK);
    void onLogits(std::int64_t begin, std::int64_t rows, const float* logits, std::int64_t vocab) override;
    /// The logit of the token that came after the last position seen.
    void chose(float logit);

    /// log p(token i | tokens before) of every token known so far, NaN for token 0.
    [[nodiscard]] const std::vector<float>& logprob() const { return m_logprob; }
    [[nodiscard]] const std::vector<std::int32_t>& topIds() const { return m_topIds; }           // [seen, topK]
    [[nodiscard]] const std::vector<float>& topLogprobs() const { return m_topLogprobs; }        // [seen, topK]

private:
    std::vector<std::int32_t> m_promptIds;
    int m_topK;
    double m_lastLogSum = 0;
    std::vector<float> m_logprob; // [tokens]
    std::vector<std::int32_t> m_topIds;
    std::vector<float> m_topLogprobs;
};

/// The `count` largest logits' indices, largest first, lower index first among equals.
[[nodiscard]] std::vector<std::int32_t> mostLikely(std::span<const float> logits, int count);

} // namespace kvviz::capture
