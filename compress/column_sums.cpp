// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Gathers a block of columns at a time, so that block, values and sums stay in the cache.
#include "compress/column_sums.hpp"

#include "core/kernels.hpp"

#include <algorithm>

namespace kvviz::compress {
namespace {

constexpr std::int64_t kBlock = 256;

/// Attention of one row on a block of keys, masked; adds to the row's sums. The first `sinks` keys are sink tokens.
void gatherRow(const float* row, const std::uint8_t* maskRow, std::uint8_t wanted, std::span<const std::int32_t> keys,
               std::int64_t sinks, float* out, double& mass, double& nonSink)
{
    double sum = core::gather(row, keys.data(), std::ssize(keys), out);
    if (maskRow) {
        for (std::size_t i = 0; i < keys.size(); ++i)
            out[i] = maskRow[keys[i]] == wanted ? out[i] : 0.0f;
        sum = core::total(out, std::ssize(keys));
    }
    mass += sum;
    nonSink += sinks > 0 ? core::total(out + sinks, std::ssize(keys) - sinks) : sum;
}

} // namespace

ColumnSums sumColumns(const core::LayerData& data, int kvHead, std::span<const std::int32_t> keys, QueryMask mask,
                      int sinkTokens, bool wantOutput)
{
    const std::int64_t group = data.heads.groupSize(), d = data.headDim;
    const std::int64_t rows = group * data.t;
    ColumnSums sums;
    sums.mass.assign(static_cast<std::size_t>(rows), 0.0);
    sums.nonSink.assign(static_cast<std::size_t>(rows), 0.0);
    sums.output.assign(static_cast<std::size_t>(wantOutput ? rows * d : 0), 0.0f);
    // Kept between calls: this runs for every plan, and filling fresh memory with zeros would be a part of its time.
    thread_local std::vector<float> weights, values;
    weights.resize(std::max(weights.size(), static_cast<std::size_t>(rows * kBlock)));
    values.resize(std::max(values.size(), static_cast<std::size_t>(wantOutput ? kBlock * d : 0)));
    for (std::int64_t from = 0; from < std::ssize(keys); from += kBlock) {
        const auto block = keys.subspan(static_cast<std::size_t>(from)).first(static_cast<std::size_t>(
            std::min(kBlock, std::int64_t{std::ssize(keys)} - from)));
        const std::int64_t columns = std::ssize(block);
        const std::int64_t sinks = std::lower_bound(block.begin(), block.end(), sinkTokens) - block.begin();
        for (std::int64_t row = 0; row < rows; ++row) {
            const std::int64_t step = row % data.t;
            const int head = data.heads.firstQueryHead(kvHead) + static_cast<int>(row / data.t);
            const std::uint8_t* const maskRow = mask.entries ? mask.entries + step * data.total() : nullptr;
            gatherRow(data.decodeRow(head, step), maskRow, mask.wanted, block, sinks, weights.data() + row * kBlock,
                      sums.mass[static_cast<std::size_t>(row)], sums.nonSink[static_cast<std::size_t>(row)]);
        }
        if (!wantOutput)
            continue;
        for (std::int64_t i = 0; i < columns; ++i)
            std::copy_n(data.value.data() + (kvHead * data.total() + block[static_cast<std::size_t>(i)]) * d, d,
                        values.data() + i * d);
        core::multiply(weights.data(), kBlock, values.data(), d, sums.output.data(), d, rows, columns, d, true);
    }
    return sums;
}

} // namespace kvviz::compress
