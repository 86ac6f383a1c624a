// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Pooling loops. Rows of one cell row are first folded into column maxima and sums, which vectorises for every cell
// size; the columns are folded once per cell row.
#include "core/pooling.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <limits>

namespace kvviz::core {
namespace {

constexpr float kMasked = std::numeric_limits<float>::quiet_NaN();

std::int64_t ceilDivide(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

void foldRow(const float* __restrict row, float* __restrict max, float* __restrict sum, std::int64_t count)
{
    for (std::int64_t k = 0; k < count; ++k) {
        max[k] = row[k] > max[k] ? row[k] : max[k];
        sum[k] += row[k];
    }
}

/// Folds columns 0..count-1 into cells of `size` columns.
void foldColumns(const float* __restrict max, const float* __restrict sum, std::int64_t count, std::int64_t size,
                 float* __restrict cellMax, float* __restrict cellSum)
{
    for (std::int64_t begin = 0, cell = 0; begin < count; begin += size, ++cell) {
        const std::int64_t end = std::min(begin + size, count);
        float largest = cellMax[cell], total = 0;
        for (std::int64_t k = begin; k < end; ++k) {
            largest = max[k] > largest ? max[k] : largest;
            total += sum[k];
        }
        cellMax[cell] = largest;
        cellSum[cell] += total;
    }
}

/// Halves one head's cells; masked cells hold 0 in both, which neither maximum nor sum of attention can notice.
void halve(const std::vector<float>& fineMax, const std::vector<float>& fineSum, std::int64_t fine,
           std::vector<float>& max, std::vector<float>& sum, std::int64_t heads)
{
    const std::int64_t coarse = ceilDivide(fine, 2);
    max.assign(static_cast<std::size_t>(heads * coarse * coarse), 0.0f);
    sum.assign(max.size(), 0.0f);
    for (std::int64_t row = 0; row < heads * fine; ++row) {
        const std::int64_t target = (row / fine * coarse + row % fine / 2) * coarse;
        foldColumns(fineMax.data() + row * fine, fineSum.data() + row * fine, row % fine + 1, 2, max.data() + target,
                    sum.data() + target);
    }
}

} // namespace

Bins Bins::over(std::int64_t length, std::int64_t most)
{
    if (length <= 0 || most <= 0)
        throw Error(ErrorCode::usage, "pooling needs a non-empty range and at least one cell, got "
                                          + std::to_string(length) + " tokens and " + std::to_string(most) + " cells");
    const std::int64_t size = ceilDivide(length, most);
    return {size, ceilDivide(length, size)};
}

TilePooler::TilePooler(Span queries, Span keys, std::int64_t maxRows, std::int64_t maxColumns, Pooling pooling)
    : m_queries(queries), m_keys(keys), m_pooling(pooling), m_rowBins(Bins::over(queries.size(), maxRows)),
      m_columnBins(Bins::over(keys.size(), maxColumns))
{
    const auto cells = static_cast<std::size_t>(rows() * columns());
    m_max.assign(cells, kMasked);
    m_sum.assign(pooling == Pooling::mean ? cells : 0, 0.0);
    m_count.assign(pooling == Pooling::mean ? cells : 0, 0);
}

void TilePooler::addRow(std::int64_t query, const float* row)
{
    if (!m_queries.contains(query))
        return;
    const std::int64_t count = std::min(m_keys.end, query + 1) - m_keys.begin;
    const std::int64_t target = (query - m_queries.begin) / m_rowBins.size * columns();
    for (std::int64_t begin = 0, column = 0; begin < count; begin += m_columnBins.size, ++column) {
        const std::int64_t end = std::min(begin + m_columnBins.size, count);
        const auto cell = static_cast<std::size_t>(target + column);
        if (m_pooling == Pooling::max) {
            float largest = row[begin];
            for (std::int64_t k = begin + 1; k < end; ++k)
                largest = row[k] > largest ? row[k] : largest;
            m_max[cell] = m_max[cell] >= largest ? m_max[cell] : largest;
        } else {
            float total = 0;
            for (std::int64_t k = begin; k < end; ++k)
                total += row[k];
            m_sum[cell] += static_cast<double>(total);
            m_count[cell] += end - begin;
        }
    }
}

std::vector<float> TilePooler::result() const
{
    std::vector<float> values = m_max;
    for (std::size_t i = 0; i < m_sum.size(); ++i)
        values[i] = m_count[i] > 0 ? static_cast<float>(m_sum[i] / static_cast<double>(m_count[i])) : kMasked;
    return values;
}

MapPyramid::MapPyramid(int heads, std::int64_t n, std::int64_t mapCap)
    : m_heads(heads), m_n(n), m_mapCap(mapCap), m_cells(levelCells(n, mapCap, 0)),
      m_cellSize(levelCellSize(n, mapCap, 0))
{
    m_max.assign(static_cast<std::size_t>(heads * m_cells * m_cells), 0.0f);
    m_sum.assign(m_max.size(), 0.0f);
    m_scratch.assign(m_cellSize > 1 ? static_cast<std::size_t>(heads * 2 * n) : 0, 0.0f);
}

int MapPyramid::levelCount(std::int64_t n, std::int64_t mapCap)
{
    int levels = 1;
    for (std::int64_t cells = Bins::over(n, mapCap).count; cells > kSmallest; cells = ceilDivide(cells, 2))
        ++levels;
    return levels;
}

std::int64_t MapPyramid::levelCells(std::int64_t n, std::int64_t mapCap, int level)
{
    return ceilDivide(n, levelCellSize(n, mapCap, level));
}

std::int64_t MapPyramid::levelCellSize(std::int64_t n, std::int64_t mapCap, int level)
{
    return Bins::over(n, mapCap).size << level;
}

void MapPyramid::addRows(std::int64_t queryBegin, std::int64_t rows, const float* data, std::int64_t headStride,
                         std::int64_t rowStride)
{
    for (int head = 0; head < m_heads; ++head)
        addHeadRows(head, queryBegin, rows, data + head * headStride, rowStride);
}

void MapPyramid::addHeadRows(int head, std::int64_t queryBegin, std::int64_t rows, const float* data,
                             std::int64_t rowStride)
{
    if (head < 0 || head >= m_heads || queryBegin < 0 || rows < 0 || queryBegin + rows > m_n)
        throw Error(ErrorCode::failure, "map pyramid: rows outside of the map");
    float* const scratchMax = m_scratch.data() + static_cast<std::int64_t>(head) * 2 * m_n;
    for (std::int64_t i = 0; i < rows;) {
        const std::int64_t cellRow = (queryBegin + i) / m_cellSize;
        const std::int64_t end = std::min(rows, (cellRow + 1) * m_cellSize - queryBegin);
        const std::int64_t keys = queryBegin + end; // of the longest row
        float* const cellMax = m_max.data() + (head * m_cells + cellRow) * m_cells;
        float* const cellSum = m_sum.data() + (head * m_cells + cellRow) * m_cells;
        if (m_cellSize == 1) {
            foldRow(data + i * rowStride, cellMax, cellSum, keys);
            ++i;
            continue;
        }
        float* const scratchSum = scratchMax + m_n;
        std::fill_n(scratchMax, keys, 0.0f);
        std::fill_n(scratchSum, keys, 0.0f);
        for (; i < end; ++i)
            foldRow(data + i * rowStride, scratchMax, scratchSum, queryBegin + i + 1);
        foldColumns(scratchMax, scratchSum, keys, m_cellSize, cellMax, cellSum);
    }
}

void MapPyramid::setHead(int head, const float* max, const float* sum)
{
    if (head < 0 || head >= m_heads)
        throw Error(ErrorCode::failure, "map pyramid: a head outside of the map");
    const std::int64_t size = m_cells * m_cells;
    std::copy_n(max, size, m_max.begin() + head * size);
    std::copy_n(sum, size, m_sum.begin() + head * size);
}

std::vector<PyramidLevel> MapPyramid::result() const
{
    std::vector<PyramidLevel> levels;
    std::vector<float> max = m_max, sum = m_sum;
    for (int index = 0; index < this->levels(); ++index) {
        if (index > 0) {
            std::vector<float> coarseMax, coarseSum;
            halve(max, sum, levels.back().cells, coarseMax, coarseSum, m_heads);
            max.swap(coarseMax);
            sum.swap(coarseSum);
        }
        PyramidLevel& level = levels.emplace_back();
        level.cells = levelCells(m_n, m_mapCap, index);
        level.cellSize = levelCellSize(m_n, m_mapCap, index);
        level.max = max;
        level.mean = sum;
        for (std::int64_t row = 0; row < m_heads * level.cells; ++row) {
            for (std::int64_t column = 0; column < level.cells; ++column) {
                const auto cell = static_cast<std::size_t>(row * level.cells + column);
                const std::int64_t count = causalEntries(row % level.cells, column, level.cellSize, m_n);
                level.max[cell] = count > 0 ? level.max[cell] : kMasked;
                level.mean[cell] = count > 0 ? level.mean[cell] / static_cast<float>(count) : kMasked;
            }
        }
    }
    return levels;
}

void MapPyramid::reset()
{
    std::fill(m_max.begin(), m_max.end(), 0.0f);
    std::fill(m_sum.begin(), m_sum.end(), 0.0f);
}

std::int64_t causalEntries(std::int64_t row, std::int64_t column, std::int64_t cellSize, std::int64_t n)
{
    if (column > row)
        return 0;
    const std::int64_t height = std::min(cellSize, n - row * cellSize);
    return column < row ? height * cellSize : height * (height + 1) / 2;
}

} // namespace kvviz::core
