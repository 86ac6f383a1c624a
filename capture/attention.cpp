// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Block attention on the CPU: tasks of (head, 64 rows) small enough that scores stay in the cache between the two
// matrix products.
#include "capture/attention.hpp"

#include "capture/cpu_kernels.hpp"
#include "capture/linear.hpp"
#include "core/capture_source.hpp"
#include "core/parallel.hpp"

#include <algorithm>

namespace kvviz::capture {
namespace {
constexpr std::int64_t kPartRows = 64;
constexpr std::int64_t kSums = 4; ///< partial sums of a part, see BlockAttention::m_partial
} // namespace

struct BlockAttention::Task {
    const core::ScoreRule& rule;
    const float *query, *key, *value;
    float* out;
    std::int64_t queryBegin; ///< of the block
    std::int64_t rows;       ///< of the block
    std::int64_t head, part, parts;
};

void BlockAttention::run(const core::ScoreRule& given, const float* query, const float* key, const float* value,
                         std::int64_t queryBegin, std::int64_t rows, float* out, bool keepRows,
                         AttentionStatistics& statistics)
{
    core::ScoreRule rule = given;
    rule.scale = given.scaleFor(m_shape.headDim);
    const std::int64_t heads = m_shape.heads.queryHeads();
    const std::int64_t keys = queryBegin + rows;
    const std::int64_t parts = (rows + kPartRows - 1) / kPartRows;
    m_rowStride = (keys + 15) / 16 * 16;
    m_headStride = rows * m_rowStride;
    if (keepRows)
        m_rows.resize(static_cast<std::size_t>(heads * m_headStride));
    m_partial.resize(static_cast<std::size_t>(heads * parts * kSums * keys));
    core::parallelFor(heads * parts, [&](std::int64_t i) {
        thread_local std::vector<float> scratch;
        // Long parts first: the last rows of a block see most keys.
        runTask({rule, query, key, value, out, queryBegin, rows, i % heads, parts - 1 - i / heads, parts}, scratch, keepRows,
                statistics);
    });
    reduceSums(parts, queryBegin, keys, statistics);
}

void BlockAttention::runTask(const Task& task, std::vector<float>& scratch, bool keepRows,
                             AttentionStatistics& statistics)
{
    const std::int64_t d = m_shape.headDim;
    const std::int64_t heads = m_shape.heads.queryHeads();
    const std::int64_t first = task.part * kPartRows;
    const std::int64_t rows = std::min(kPartRows, task.rows - first);
    const std::int64_t keys = task.queryBegin + first + rows; // causal: later keys are seen by no row of this part
    const std::int64_t seen = task.rule.firstKey(task.queryBegin + first); // nor are those before it
    const std::int64_t blockKeys = task.queryBegin + task.rows;
    const std::int64_t kvHead = m_shape.heads.kvHeadOf(static_cast<int>(task.head));
    const float* const key = task.key + kvHead * m_shape.kvHeadStride;
    const float* const value = task.value + kvHead * m_shape.kvHeadStride;
    const float* const query = task.query + (first * heads + task.head) * d;

    float* scores;
    if (keepRows) {
        scores = m_rows.data() + task.head * m_headStride + first * m_rowStride;
    } else {
        scratch.resize(static_cast<std::size_t>(kPartRows * m_rowStride));
        scores = scratch.data();
    }
    multiplyBlock(true, rows, keys - seen, d, query, heads * d, key + seen * d, d, scores + seen, m_rowStride);

    float* const received = m_partial.data() + ((task.head * task.parts + task.part) * kSums) * blockKeys;
    float* const farSquares = received + blockKeys;
    float* const nearSquares = farSquares + blockKeys;
    float* const window = nearSquares + blockKeys;
    std::fill_n(received, kSums * blockKeys, 0.0f);
    for (std::int64_t i = 0; i < rows; ++i) {
        const std::int64_t position = task.queryBegin + first + i;
        float* const row = scores + i * m_rowStride;
        const RowSummary summary = attentionRow(row, position, keepRows ? m_rowStride : keys, task.rule, m_shape.sinks);
        statistics.entropy[static_cast<std::size_t>(task.head * statistics.stride + position)] = summary.entropy;
        statistics.sinkMass[static_cast<std::size_t>(task.head * statistics.stride + position)] = summary.sinkMass;
        const std::int64_t far = std::max<std::int64_t>(0, position + 1 - core::kNearQueries);
        accumulateRow(row, far, received, farSquares);
        accumulateRow(row + far, position + 1 - far, received + far, nearSquares + far);
        if (position >= m_shape.windowBegin)
            accumulateRow(row, position + 1, window, nullptr);
    }
    multiplyBlock(false, rows, d, keys - seen, scores + seen, m_rowStride, value + seen * d, d, task.out + (first * heads + task.head) * d,
                  heads * d);
}

void BlockAttention::reduceSums(std::int64_t parts, std::int64_t queryBegin, std::int64_t keys,
                                AttentionStatistics& statistics)
{
    const std::int64_t heads = m_shape.heads.queryHeads();
#pragma omp parallel for schedule(static)
    for (std::int64_t head = 0; head < heads; ++head)
        for (std::int64_t part = 0; part < parts; ++part) {
            const float* const sums = m_partial.data() + (head * parts + part) * kSums * keys;
            const std::int64_t at = head * statistics.stride;
            accumulateRow(sums, keys, statistics.received.data() + at, nullptr);
            accumulateRow(sums + keys, keys, statistics.receivedSqFar.data() + at, nullptr);
            accumulateRow(sums + keys, keys, statistics.receivedSq.data() + at, nullptr);
            // Only keys from the first row's neighbourhood on have near queries in this part.
            const std::int64_t near =
                std::max<std::int64_t>(0, queryBegin + part * kPartRows + 1 - core::kNearQueries);
            accumulateRow(sums + 2 * keys + near, keys - near, statistics.receivedSq.data() + at + near, nullptr);
            accumulateRow(sums + 3 * keys, keys, statistics.receivedWindow.data() + at, nullptr);
        }
}

void decodeAttention(const AttentionShape& shape, const core::ScoreRule& given, const float* query, const float* key,
                     const float* value, std::int64_t keys, float* rows, float* out, AttentionStatistics& statistics)
{
    const std::int64_t d = shape.headDim;
    core::ScoreRule rule = given;
    rule.scale = given.scaleFor(d);
    const std::int64_t first = rule.firstKey(keys - 1);
    const std::int64_t heads = shape.heads.queryHeads();
#pragma omp parallel for schedule(dynamic, 1)
    for (std::int64_t head = 0; head < heads; ++head) {
        const std::int64_t offset = shape.heads.kvHeadOf(static_cast<int>(head)) * shape.kvHeadStride;
        float* const row = rows + head * keys;
        matrixVector(key + offset, query + head * d, row, first, keys, d, false);
        const RowSummary summary = attentionRow(row, keys - 1, keys, rule, shape.sinks);
        statistics.entropy[static_cast<std::size_t>(head * statistics.stride + keys - 1)] = summary.entropy;
        statistics.sinkMass[static_cast<std::size_t>(head * statistics.stride + keys - 1)] = summary.sinkMass;
        weightedSum(row + first, value + offset + first * d, out + head * d, keys - first, d);
    }
}

} // namespace kvviz::capture
