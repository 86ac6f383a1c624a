// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Causal attention of a block of query rows against the cache: P = softmax(logits of q k^T), sums over P, P v. The rule
// (scale, soft cap, sliding window) is the layer's.
#pragma once

#include "capture/attention_hook.hpp"
#include "core/head_map.hpp"
#include "core/score_rule.hpp"

namespace kvviz::capture {

struct AttentionShape {
    core::HeadMap heads;
    std::int64_t headDim = 0;
    std::int64_t kvHeadStride = 0;
    std::int64_t windowBegin = 0; ///< queries from here on also count into receivedWindow
    std::int64_t sinks = 4;
};

/// Scratch memory and the block loop, kept between calls.
class BlockAttention {
public:
    explicit BlockAttention(const AttentionShape& shape) : m_shape(shape) {}
    void setWindow(std::int64_t windowBegin) { m_shape.windowBegin = windowBegin; }

    /// Rows [queryBegin, queryBegin + rows) of one layer. query, out: [rows, H, d] of these rows; key, value: the
    /// cache of the layer. With `keepRows` the probabilities stay readable in rows() until the next call. Sums go to
    /// `statistics` in a fixed order, so results do not depend on the number of threads.
    void run(const core::ScoreRule& rule, const float* query, const float* key, const float* value,
             std::int64_t queryBegin, std::int64_t rows, float* out, bool keepRows, AttentionStatistics& statistics);
    [[nodiscard]] const float* probabilities() const { return m_rows.data(); }
    [[nodiscard]] std::int64_t headStride() const { return m_headStride; }
    [[nodiscard]] std::int64_t rowStride() const { return m_rowStride; }

private:
    struct Task;
    void runTask(const Task& task, std::vector<float>& scratch, bool keepRows, AttentionStatistics& statistics);
    void reduceSums(std::int64_t parts, std::int64_t queryBegin, std::int64_t keys, AttentionStatistics& statistics);

    AttentionShape m_shape;
    std::vector<float> m_rows;     // [H, rows, rowStride] when rows are kept
    /// [H, parts, kSums, keys]: received, far squares, near squares, window of each part of the block.
    std::vector<float> m_partial;
    std::int64_t m_headStride = 0, m_rowStride = 0;
};

/// One decode query (the single-row case, without matrix products): probabilities [H, keys] are left in `rows`.
void decodeAttention(const AttentionShape& shape, const core::ScoreRule& rule, const float* query, const float* key,
                     const float* value, std::int64_t keys, float* rows, float* out, AttentionStatistics& statistics);

} // namespace kvviz::capture
