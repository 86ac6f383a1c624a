// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Max and mean pooling of causal attention maps: a viewport to at most so many cells, and the pyramid of a whole map
// that is built row by row while the model runs. Entries above the diagonal never count; a cell without any causal
// entry is masked (NaN), which is not the same as 0.
#pragma once

#include "core/span.hpp"

#include <cstdint>
#include <vector>

namespace kvviz::core {

enum class Pooling : std::uint8_t { max, mean };

/// Cells of equal size over a range; the last one may be ragged.
struct Bins {
    std::int64_t size = 1;  ///< tokens a cell
    std::int64_t count = 0; ///< cells

    /// At most `most` cells over `length` tokens, as small as that allows.
    [[nodiscard]] static Bins over(std::int64_t length, std::int64_t most);
};

/// Pools rows x columns of a causal map as the rows come, in any order.
class TilePooler {
public:
    /// Covers queries x keys (token positions) with at most maxRows x maxColumns cells.
    TilePooler(Span queries, Span keys, std::int64_t maxRows, std::int64_t maxColumns, Pooling pooling);

    [[nodiscard]] std::int64_t rows() const noexcept { return m_rowBins.count; }
    [[nodiscard]] std::int64_t columns() const noexcept { return m_columnBins.count; }
    /// One query's row; `row` points at the entry of the first key of the range. Queries outside are ignored.
    void addRow(std::int64_t query, const float* row);
    /// [rows, columns]; NaN where no causal entry was seen.
    [[nodiscard]] std::vector<float> result() const;

private:
    Span m_queries, m_keys;
    Pooling m_pooling;
    Bins m_rowBins, m_columnBins;
    std::vector<float> m_max;          // [rows, columns]
    std::vector<double> m_sum;         // [rows, columns]
    std::vector<std::int64_t> m_count; // [rows, columns] causal entries seen
};

/// One level of a pyramid: square, `cells` a side, each of `cellSize` x `cellSize` tokens.
struct PyramidLevel {
    std::int64_t cells = 0;
    std::int64_t cellSize = 1;
    std::vector<float> max;  // [H, cells, cells], NaN above the diagonal
    std::vector<float> mean; // [H, cells, cells], mean over the causal entries of the cell, NaN above the diagonal
};

/// Max and mean pyramid of the n x n prompt maps of one layer. Level 0 has at most mapCap cells a side, each next level
/// half as many (rounded up), down to kSmallest or fewer. Heads are independent: different heads may be fed from
/// different threads at the same time.
class MapPyramid {
public:
    static constexpr std::int64_t kSmallest = 32; ///< cells a side at which halving ends

    MapPyramid(int heads, std::int64_t n, std::int64_t mapCap);

    [[nodiscard]] static int levelCount(std::int64_t n, std::int64_t mapCap);
    [[nodiscard]] static std::int64_t levelCells(std::int64_t n, std::int64_t mapCap, int level);
    [[nodiscard]] static std::int64_t levelCellSize(std::int64_t n, std::int64_t mapCap, int level);

    [[nodiscard]] int levels() const { return levelCount(m_n, m_mapCap); }

    /// Rows [H, rows, keys] of queries queryBegin, queryBegin + 1, ...; entry (h, i, k) at
    /// data[h * headStride + i * rowStride + k]; only k <= queryBegin + i is read. Each query once, in any block size.
    void addRows(std::int64_t queryBegin, std::int64_t rows, const float* data, std::int64_t headStride,
                 std::int64_t rowStride);
    /// The same for one head; data points at its first row.
    void addHeadRows(int head, std::int64_t queryBegin, std::int64_t rows, const float* data, std::int64_t rowStride);

    /// The finest level of one head, pooled elsewhere: max and sum [cells, cells] of level 0, 0 above the diagonal.
    void setHead(int head, const float* max, const float* sum);
    /// Tokens a side of the cells of level 0.
    [[nodiscard]] std::int64_t cellSize() const noexcept { return m_cellSize; }

    /// All levels, finest first, from the rows added so far.
    [[nodiscard]] std::vector<PyramidLevel> result() const;
    /// Forgets all rows, for the next layer.
    void reset();

private:
    int m_heads;
    std::int64_t m_n, m_mapCap, m_cells, m_cellSize;
    std::vector<float> m_max;     // [H, cells, cells] of level 0
    std::vector<float> m_sum;     // [H, cells, cells] of level 0
    std::vector<float> m_scratch; // [H, 2, n] column maxima and sums of the rows of one cell row
};

/// Causal entries of cell (row, column) of a pyramid level over an n x n map; 0 above the diagonal.
[[nodiscard]] std::int64_t causalEntries(std::int64_t row, std::int64_t column, std::int64_t cellSize, std::int64_t n);

} // namespace kvviz::core
