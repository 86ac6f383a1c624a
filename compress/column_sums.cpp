// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Gathers a block of columns at a time, so that block, values and sums stay in the cache.
#include "compress/column_sums.hpp"

#include <algorithm>

// Callers run one product a thread; a product that starts threads of its own would make results depend on their number.
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>

namespace kvviz::compress {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
constexpr std::int64_t kBlock = 256;

/// Attention of one row on a block of keys, masked; adds to the row's sums.
void gatherRow(const float* row, const std::uint8_t* maskRow, std::uint8_t wanted, std::span<const std::int32_t> keys,
               int sinkTokens, float* out, double& mass, double& nonSink)
{
    double total = 0, sinks = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const std::int32_t key = keys[i];
        const float weight = maskRow && maskRow[key] != wanted ? 0.0f : row[key];
        out[i] = weight;
        total += weight;
        sinks += key < sinkTokens ? weight : 0.0f;
    }
    mass += total;
    nonSink += total - sinks;
}

} // namespace

ColumnSums sumColumns(const core::LayerData& data, int kvHead, std::span<const std::int32_t> keys, QueryMask mask,
                      int sinkTokens, bool wantOutput)
{
    const std::int64_t group = data.heads.groupSize();
    const std::int64_t rows = group * data.t;
    ColumnSums sums;
    sums.mass.assign(static_cast<std::size_t>(rows), 0.0);
    sums.nonSink.assign(static_cast<std::size_t>(rows), 0.0);
    sums.output.assign(static_cast<std::size_t>(wantOutput ? rows * data.headDim : 0), 0.0f);
    Eigen::Map<Matrix> output(sums.output.data(), wantOutput ? rows : 0, data.headDim);
    Matrix weights(rows, std::min(kBlock, std::int64_t{std::ssize(keys)}));
    Matrix values(wantOutput ? weights.cols() : 0, data.headDim);
    for (std::int64_t from = 0; from < std::ssize(keys); from += kBlock) {
        const auto block = keys.subspan(static_cast<std::size_t>(from)).first(static_cast<std::size_t>(
            std::min(kBlock, std::int64_t{std::ssize(keys)} - from)));
        const std::int64_t columns = std::ssize(block);
        for (std::int64_t row = 0; row < rows; ++row) {
            const std::int64_t step = row % data.t;
            const int head = data.heads.firstQueryHead(kvHead) + static_cast<int>(row / data.t);
            const std::uint8_t* const maskRow = mask.entries ? mask.entries + step * data.total() : nullptr;
            gatherRow(data.decodeRow(head, step), maskRow, mask.wanted, block, sinkTokens, &weights(row, 0),
                      sums.mass[static_cast<std::size_t>(row)], sums.nonSink[static_cast<std::size_t>(row)]);
        }
        if (!wantOutput)
            continue;
        for (std::int64_t i = 0; i < columns; ++i)
            values.row(i) = Eigen::Map<const Eigen::RowVectorXf>(
                data.value.data() + (kvHead * data.total() + block[static_cast<std::size_t>(i)]) * data.headDim,
                data.headDim);
        output.noalias() += weights.leftCols(columns) * values.topRows(columns);
    }
    return sums;
}

} // namespace kvviz::compress
