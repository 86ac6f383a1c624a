// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the decoder shows of its attention while it runs. Hooks get views, never copies; a block of rows is dropped as
// soon as every hook has seen it, so memory grows with heads x block x length, never with length squared.
#pragma once

#include <cstdint>
#include <vector>

namespace kvviz::capture {

enum class Phase : std::uint8_t { prefill, decode };

/// A block of attention rows of one layer with the tensors they came from. float32, views into the decoder's memory.
struct AttentionRows {
    int layer = 0;
    Phase phase = Phase::prefill;
    std::int64_t queryBegin = 0; ///< position of the first query
    std::int64_t rows = 0;
    std::int64_t keys = 0;       ///< queryBegin + rows
    const float* probabilities = nullptr; ///< (h, i, k) at h * headStride + i * rowStride + k; 0 above the diagonal
    std::int64_t headStride = 0;
    std::int64_t rowStride = 0;
};

/// All queries of one layer after a prefill, or the one query of a decode step, with the cache so far.
struct LayerState {
    int layer = 0;
    Phase phase = Phase::prefill;
    std::int64_t queryBegin = 0;
    std::int64_t queries = 0;
    int queryHeads = 0;
    const float* query = nullptr; ///< after RoPE, [queries - firstQuery, H, d]
    std::int64_t firstQuery = 0;  ///< of the layer's queries, the first that is there (AttentionHook::layerNeeds)
    const float* key = nullptr;   ///< after RoPE, (g, j, c) at g * kvHeadStride + j * d + c; null where nobody needs it
    const float* value = nullptr; ///< likewise
    std::int64_t kvHeadStride = 0;
};

/// Sums over the queries of one layer, filled as rows are computed. All [H, capacity] with row length `stride`, but for
/// the last two, which need no rows.
struct AttentionStatistics {
    std::int64_t stride = 0;
    std::vector<float> received;       ///< sum over prompt queries
    std::vector<float> receivedWindow; ///< sum over the last `window` prompt queries
    std::vector<float> receivedSq;     ///< sum of squares over prompt queries
    std::vector<float> receivedSqFar;  ///< the same over queries kNearQueries or more positions after the key
    std::vector<float> entropy;        ///< of each query's row, nats
    std::vector<float> sinkMass;       ///< of each query on the first `sinks` keys
    std::vector<float> queryMean;      ///< [H, d] see QueryMoments; empty unless DecoderOptions::queryStatistics
    std::vector<float> queryCovariance; ///< [H, d, d] likewise
};

/// Maximum and sum of the attention in each square cell of a prompt's map, 0 above the diagonal.
struct PooledMap {
    int layer = 0;
    std::int64_t cells = 0;     ///< a side
    const float* max = nullptr; ///< [H, cells, cells]
    const float* sum = nullptr; ///< [H, cells, cells]
};

/// What a hook reads of LayerState. The CPU shows everything; a device copies no more than this.
struct LayerNeeds {
    std::int64_t firstQuery = 0; ///< queries from here on (counted from LayerState::queryBegin)
    bool cache = true;           ///< keys and values
};

class AttentionHook {
public:
    virtual ~AttentionHook() = default;
    /// Are the rows of queries [begin, end) of this layer wanted? Rows nobody wants are never stored.
    [[nodiscard]] virtual bool wantsRows(int layer, Phase phase, std::int64_t begin, std::int64_t end) const = 0;
    virtual void onRows(const AttentionRows& rows) = 0;
    /// After a layer's attention; statistics of the prompt are complete in phase prefill.
    virtual void onLayer(const LayerState& state, const AttentionStatistics& statistics) = 0;
    /// Of onLayer() after so many queries.
    [[nodiscard]] virtual LayerNeeds layerNeeds(int /*layer*/, Phase /*phase*/, std::int64_t /*queries*/) const
    {
        return {};
    }

    /// Called once by a runner that pools maps itself: from now on ask for pooled maps in place of rows where they do.
    virtual void acceptPooling() {}
    /// Tokens a side of the cells of the pooled map that is wanted of this layer's prompt; 0: none.
    [[nodiscard]] virtual std::int64_t pooledCell(int /*layer*/) const { return 0; }
    /// Before onLayer().
    virtual void onPooled(const PooledMap& /*map*/) {}
};

/// The residual stream on its way into each layer.
class StreamHook {
public:
    virtual ~StreamHook() = default;
    /// Are positions [begin, end) wanted at all? A device copies no others; the CPU shows every one.
    [[nodiscard]] virtual bool wantsStream(int /*layer*/, std::int64_t /*begin*/, std::int64_t /*end*/) const
    {
        return true;
    }
    /// stream[rows, hidden] of positions [begin, begin + rows), before the layer's attention norm.
    virtual void onLayerInput(int layer, std::int64_t begin, std::int64_t rows, const float* stream,
                              std::int64_t hidden) = 0;
};

/// Logits of consecutive positions, in blocks.
class LogitsHook {
public:
    virtual ~LogitsHook() = default;
    /// logits[rows, vocab] of positions [begin, begin + rows); each predicts the token after it.
    virtual void onLogits(std::int64_t begin, std::int64_t rows, const float* logits, std::int64_t vocab) = 0;
};

} // namespace kvviz::capture
