// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The arithmetic of the attention kernels: from queries, keys and the log-sum-exp of each row to what a capture keeps of
// the rows, tile by tile, so that no row is ever in global memory. The same functions are the body of the CUDA kernels
// (a block of threads a team) and of the reference that runs on the CPU (a team of one), which tests hold against the
// CPU's own attention.
#pragma once

#include "capture/cuda/attention_problem.hpp"

#include <cmath>

namespace kvviz::capture::cuda {

constexpr int kTile = 64;       ///< queries and keys of one tile
constexpr int kSide = kTile / 4; ///< a worker multiplies 4 x 4 of it, this far apart
constexpr int kParts = 4;       ///< workers that share a row or a column of a tile when it is summed
constexpr int kSums = 4;        ///< running sums of a column (a row needs three)
constexpr std::int64_t kNear = 10; ///< core::kNearQueries
constexpr int kWorkers = kSide * kSide; ///< threads of a block

/// The threads that share one job. On the CPU there is one, and the work is done in order.
struct Team {
    template <class Work> KVVIZ_HD void each(int count, const Work& work) const
    {
#ifdef __CUDA_ARCH__
        for (int i = static_cast<int>(threadIdx.x); i < count; i += static_cast<int>(blockDim.x))
            work(i);
        __syncthreads(); // before anyone reads what the others wrote
#else
        for (int i = 0; i < count; ++i)
            work(i);
#endif
    }
};

/// What a team shares: two tiles of vectors, one of logarithms, running sums. Odd strides keep the banks of shared
/// memory apart.
struct TileSpace {
    float* query; ///< [kTile, d + 1]
    float* key;   ///< [kTile, d + 1]
    float* logs;  ///< [kTile, kTile + 1] ln p; kHidden where a query does not see a key
    float* sums;  ///< [kParts, kSums, kTile]

    KVVIZ_HD TileSpace(float* memory, int headDim)
        : query(memory), key(query + kTile * (headDim + 1)), logs(key + kTile * (headDim + 1)),
          sums(logs + kTile * (kTile + 1))
    {
    }
    [[nodiscard]] KVVIZ_HD static constexpr std::int64_t floats(int headDim)
    {
        return 2 * kTile * (headDim + 1) + kTile * (kTile + 1) + kParts * kSums * kTile;
    }
};

constexpr float kHidden = -1e30f; ///< no logarithm of a probability comes near it

KVVIZ_HD inline float probability(float log) { return log <= kHidden ? 0.0f : expf(log); }

KVVIZ_HD inline float logitOf(float product, float scale, float softcap)
{
    const float logit = scale * product;
    return softcap > 0 ? softcap * tanhf(logit / softcap) : logit;
}

KVVIZ_HD inline std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
KVVIZ_HD inline std::int64_t larger(std::int64_t a, std::int64_t b) { return a > b ? a : b; }

/// Does the query at position q see the key at k?
template <class Element> KVVIZ_HD bool sees(const AttentionProblem<Element>& a, std::int64_t q, std::int64_t k)
{
    return q < a.queries && k <= q && (a.window == 0 || k > q - a.window);
}

/// One past the last query that sees any of keys [.., k].
template <class Element> KVVIZ_HD std::int64_t lastQueryOf(const AttentionProblem<Element>& a, std::int64_t k)
{
    return a.window == 0 ? a.queries : smaller(a.queries, k + a.window);
}

/// The first key that queries from q on see.
template <class Element> KVVIZ_HD std::int64_t firstKeyOf(const AttentionProblem<Element>& a, std::int64_t q)
{
    return a.window == 0 ? 0 : larger(0, q + 1 - a.window);
}

/// Vectors [first, first + kTile) of `from`, rows of `stride` elements, those from `end` on as 0.
template <class Element>
KVVIZ_HD void loadTile(const Team& team, const Element* from, std::int64_t stride, std::int64_t first, std::int64_t end,
                       int headDim, float* to)
{
    team.each(kTile * headDim, [=](int i) {
        const int row = i / headDim, channel = i % headDim;
        to[row * (headDim + 1) + channel] =
            first + row < end ? toFloat(from[(first + row) * stride + channel]) : 0.0f;
    });
}

template <class Element>
KVVIZ_HD void loadQueries(const Team& team, const AttentionProblem<Element>& a, const TileSpace& s, int head,
                          std::int64_t first)
{
    loadTile(team, a.query + head * a.queryHeadStride, a.queryStride, first, a.queries, a.headDim, s.query);
}

template <class Element>
KVVIZ_HD void loadKeys(const Team& team, const AttentionProblem<Element>& a, const TileSpace& s, int head,
                       std::int64_t first)
{
    const int kvHead = head / (a.heads / a.kvHeads);
    loadTile(team, a.key + kvHead * a.keyHeadStride, a.keyStride, first, a.queries, a.headDim, s.key);
}

/// Logarithms of the attention of the loaded queries, from q0 on, to the loaded keys, from k0 on.
template <class Element>
KVVIZ_HD void logTile(const Team& team, const AttentionProblem<Element>& a, const TileSpace& s, int head,
                      std::int64_t q0, std::int64_t k0)
{
    const int d = a.headDim, stride = d + 1;
    const float* const lse = a.logSumExp + head * a.queries;
    team.each(kWorkers, [=](int worker) {
        const float* const query = s.query + worker / kSide * stride;
        const float* const key = s.key + worker % kSide * stride;
        float product[4][4] = {};
        for (int c = 0; c < d; ++c) {
            float left[4], right[4];
            for (int i = 0; i < 4; ++i) {
                left[i] = query[i * kSide * stride + c];
                right[i] = key[i * kSide * stride + c];
            }
            for (int i = 0; i < 4; ++i)
                for (int j = 0; j < 4; ++j)
                    product[i][j] += left[i] * right[j];
        }
        for (int i = 0; i < 4; ++i)
            for (int j = 0; j < 4; ++j) {
                const int row = worker / kSide + i * kSide, column = worker % kSide + j * kSide;
                const bool seen = sees(a, q0 + row, k0 + column);
                s.logs[row * (kTile + 1) + column] =
                    seen ? logitOf(product[i][j], a.scale, a.softcap) - lse[q0 + row] : kHidden;
            }
    });
}

/// The sums of keys [kTile * tile, + kTile) of one head: what they receive of all queries.
template <class Element>
KVVIZ_HD void columnSums(const Team& team, const AttentionProblem<Element>& a, int head, std::int64_t tile,
                         float* memory, const ColumnSums& out)
{
    const TileSpace s(memory, a.headDim);
    const std::int64_t k0 = tile * kTile;
    team.each(kParts * kSums * kTile, [=](int i) { s.sums[i] = 0; });
    loadKeys(team, a, s, head, k0);
    const std::int64_t end = lastQueryOf(a, k0 + kTile - 1);
    for (std::int64_t q0 = k0; q0 < end; q0 += kTile) {
        loadQueries(team, a, s, head, q0);
        logTile(team, a, s, head, q0, k0);
        team.each(kParts * kTile, [=](int worker) {
            const int column = worker % kTile, part = worker / kTile;
            float* const sums = s.sums + part * kSums * kTile + column;
            float all = 0, window = 0, near = 0, far = 0;
            for (int row = part * kTile / kParts; row < (part + 1) * kTile / kParts; ++row) {
                const float p = probability(s.logs[row * (kTile + 1) + column]);
                all += p;
                window += q0 + row >= a.windowBegin ? p : 0.0f;
                (q0 + row - (k0 + column) >= kNear ? far : near) += p * p;
            }
            sums[0] += all;
            sums[kTile] += window;
            sums[2 * kTile] += near;
            sums[3 * kTile] += far;
        });
    }
    team.each(kTile, [=](int column) {
        if (k0 + column >= a.queries)
            return;
        float total[kSums] = {};
        for (int part = 0; part < kParts; ++part)
            for (int i = 0; i < kSums; ++i)
                total[i] += s.sums[(part * kSums + i) * kTile + column];
        const std::int64_t at = head * a.queries + k0 + column;
        out.received[at] = total[0];
        out.receivedWindow[at] = total[1];
        out.receivedSq[at] = total[2] + total[3];
        out.receivedSqFar[at] = total[3];
    });
}

/// The sums of queries [kTile * tile, + kTile) of one head: entropy, mass on the sinks, and the whole mass, which is 1.
template <class Element>
KVVIZ_HD void rowSums(const Team& team, const AttentionProblem<Element>& a, int head, std::int64_t tile, float* memory,
                      const RowSums& out)
{
    const TileSpace s(memory, a.headDim);
    const std::int64_t q0 = tile * kTile;
    team.each(kParts * kSums * kTile, [=](int i) { s.sums[i] = 0; });
    loadQueries(team, a, s, head, q0);
    const std::int64_t end = smaller(a.queries, q0 + kTile);
    for (std::int64_t k0 = firstKeyOf(a, q0) / kTile * kTile; k0 < end; k0 += kTile) {
        loadKeys(team, a, s, head, k0);
        logTile(team, a, s, head, q0, k0);
        team.each(kParts * kTile, [=](int worker) {
            const int row = worker % kTile, part = worker / kTile;
            float* const sums = s.sums + part * kSums * kTile + row;
            float mass = 0, weighted = 0, sinks = 0;
            for (int column = part * kTile / kParts; column < (part + 1) * kTile / kParts; ++column) {
                const float log = s.logs[row * (kTile + 1) + column];
                const float p = probability(log);
                mass += p;
                weighted += p > 0 ? p * log : 0.0f;
                sinks += k0 + column < a.sinks ? p : 0.0f;
            }
            sums[0] += mass;
            sums[kTile] += weighted;
            sums[2 * kTile] += sinks;
        });
    }
    team.each(kTile, [=](int row) {
        if (q0 + row >= a.queries)
            return;
        float total[3] = {};
        for (int part = 0; part < kParts; ++part)
            for (int i = 0; i < 3; ++i)
                total[i] += s.sums[(part * kSums + i) * kTile + row];
        const std::int64_t at = head * a.queries + q0 + row;
        out.mass[at] = total[0];
        out.entropy[at] = total[1] < 0 ? -total[1] : 0.0f;
        out.sinkMass[at] = total[2];
    });
}

/// One tile of the rows of queries [begin, end): those from begin + kTile * rowTile on, keys from kTile * keyTile on.
/// Zeros where a query does not see a key, up to the end of each row of `out`.
template <class Element>
KVVIZ_HD void exactRows(const Team& team, const AttentionProblem<Element>& a, int head, std::int64_t rowTile,
                        std::int64_t keyTile, float* memory, const RowBlock& out)
{
    const TileSpace s(memory, a.headDim);
    const std::int64_t q0 = out.begin + rowTile * kTile, k0 = keyTile * kTile;
    loadQueries(team, a, s, head, q0);
    loadKeys(team, a, s, head, k0);
    logTile(team, a, s, head, q0, k0);
    team.each(kTile * kTile, [=](int i) {
        const int row = i / kTile, column = i % kTile;
        if (q0 + row < out.end && k0 + column < out.rowStride)
            out.values[head * out.headStride + (q0 + row - out.begin) * out.rowStride + k0 + column] =
                probability(s.logs[row * (kTile + 1) + column]);
    });
}

/// Cells a side that one team pools: as many as fit into a tile, or one.
KVVIZ_HD inline std::int64_t cellsOfTeam(std::int64_t cellSize) { return cellSize < kTile ? kTile / cellSize : 1; }

/// Small cells: those of one tile of queries and keys.
template <class Element>
KVVIZ_HD void poolSmall(const Team& team, const TileSpace& s, int head, std::int64_t row0, std::int64_t column0,
                        const PooledCells& out)
{
    const int size = static_cast<int>(out.cellSize), side = static_cast<int>(cellsOfTeam(out.cellSize));
    team.each(side * side, [=](int cell) {
        const std::int64_t row = row0 + cell / side, column = column0 + cell % side;
        if (row >= out.cells || column >= out.cells)
            return;
        float largest = 0, total = 0;
        for (int i = cell / side * size; i < (cell / side + 1) * size; ++i)
            for (int j = cell % side * size; j < (cell % side + 1) * size; ++j) {
                const float p = probability(s.logs[i * (kTile + 1) + j]);
                largest = p > largest ? p : largest;
                total += p;
            }
        const std::int64_t at = (head * out.cells + row) * out.cells + column;
        out.max[at] = largest;
        out.sum[at] = total;
    });
}

/// A cell of more than a tile: folds one of its tiles, rows [q0, qEnd) and keys [k0, kEnd), into the running sums.
KVVIZ_HD inline void poolTile(const Team& team, const TileSpace& s, int rows, int columns)
{
    team.each(rows, [=](int row) {
        float* const largest = s.sums + row;
        float* const total = s.sums + kTile + row;
        for (int column = 0; column < columns; ++column) {
            const float p = probability(s.logs[row * (kTile + 1) + column]);
            *largest = p > *largest ? p : *largest;
            *total += p;
        }
    });
}

template <class Element>
KVVIZ_HD void poolLarge(const Team& team, const AttentionProblem<Element>& a, const TileSpace& s, int head,
                        std::int64_t row, std::int64_t column, const PooledCells& out)
{
    const std::int64_t qEnd = smaller(a.queries, (row + 1) * out.cellSize);
    const std::int64_t kEnd = smaller(qEnd, (column + 1) * out.cellSize);
    team.each(2 * kTile, [=](int i) { s.sums[i] = 0; });
    for (std::int64_t q0 = row * out.cellSize; q0 < qEnd; q0 += kTile) {
        loadQueries(team, a, s, head, q0);
        for (std::int64_t k0 = column * out.cellSize; k0 < smaller(kEnd, q0 + kTile); k0 += kTile) {
            loadKeys(team, a, s, head, k0);
            logTile(team, a, s, head, q0, k0);
            poolTile(team, s, static_cast<int>(smaller(kTile, qEnd - q0)), static_cast<int>(smaller(kTile, kEnd - k0)));
        }
    }
    team.each(1, [=](int) {
        float largest = 0, total = 0;
        for (int i = 0; i < kTile; ++i) {
            largest = s.sums[i] > largest ? s.sums[i] : largest;
            total += s.sums[kTile + i];
        }
        const std::int64_t at = (head * out.cells + row) * out.cells + column;
        out.max[at] = largest;
        out.sum[at] = total;
    });
}

/// Pools the cells of one team: row and column count in steps of cellsOfTeam(). Cells above the diagonal stay as they are.
template <class Element>
KVVIZ_HD void pooledCells(const Team& team, const AttentionProblem<Element>& a, int head, std::int64_t rowStep,
                          std::int64_t columnStep, float* memory, const PooledCells& out)
{
    if (columnStep > rowStep)
        return;
    const TileSpace s(memory, a.headDim);
    if (out.cellSize > kTile) {
        poolLarge(team, a, s, head, rowStep, columnStep, out);
        return;
    }
    const std::int64_t side = cellsOfTeam(out.cellSize);
    const std::int64_t q0 = rowStep * side * out.cellSize, k0 = columnStep * side * out.cellSize;
    loadQueries(team, a, s, head, q0);
    loadKeys(team, a, s, head, k0);
    logTile(team, a, s, head, q0, k0);
    poolSmall<Element>(team, s, head, rowStep * side, columnStep * side, out);
}

} // namespace kvviz::capture::cuda
