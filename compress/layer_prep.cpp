// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Copies with changed strides; the arithmetic is in renormaliseRows and in the column sums.
#include "compress/layer_prep.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

double renormalise(std::vector<float>& rows, std::int64_t length)
{
    double worst = 0;
    for (auto row = rows.begin(); length > 0 && row != rows.end(); row += length) {
        double sum = 0;
        for (auto value = row; value != row + length; ++value)
            sum += *value;
        worst = std::max(worst, std::abs(sum - 1));
        if (sum > 0 && sum != 1)
            for (auto value = row; value != row + length; ++value)
                *value = static_cast<float>(*value / sum);
    }
    return worst;
}

/// Rows [begin, end) of each block of `from` rows, cut to `columns` of `stride`.
std::vector<float> slice(const std::vector<float>& source, std::int64_t blocks, std::int64_t from, std::int64_t begin,
                         std::int64_t end, std::int64_t stride, std::int64_t columns)
{
    std::vector<float> result;
    if (source.empty())
        return result;
    result.reserve(static_cast<std::size_t>(blocks * (end - begin) * columns));
    for (std::int64_t block = 0; block < blocks; ++block)
        for (std::int64_t row = begin; row < end; ++row) {
            const auto first = source.begin() + (block * from + row) * stride;
            result.insert(result.end(), first, first + columns);
        }
    return result;
}

/// Takes the later rows' attention (to the given power) out of column sums over [0, q0); nothing is left beyond.
void withoutLaterRows(std::vector<float>& sums, const core::LayerData& late, std::int64_t q0, bool squared)
{
    if (sums.empty())
        return;
    for (int head = 0; head < late.heads.queryHeads(); ++head) {
        float* const out = sums.data() + head * late.total();
        for (std::int64_t key = 0; key < q0; ++key) {
            double share = 0;
            for (std::int64_t step = 0; step < late.t; ++step) {
                const double weight = late.decodeRow(head, step)[key];
                share += squared ? weight * weight : weight;
            }
            out[key] = static_cast<float>(std::max(0.0, out[key] - share));
        }
        std::fill(out + q0, out + late.total(), 0.0f);
    }
}

/// Column sums of the scoring rows alone. [H, T]
std::vector<float> windowSums(const core::LayerData& data)
{
    std::vector<float> sums(static_cast<std::size_t>(data.heads.queryHeads() * data.total()), 0.0f);
    for (int head = 0; head < data.heads.queryHeads(); ++head)
        for (std::int64_t row = 0; row < data.w; ++row)
            for (std::int64_t key = 0; key < data.n; ++key)
                sums[static_cast<std::size_t>(head * data.total() + key)] += data.windowRow(head, row)[key];
    return sums;
}

} // namespace

double renormaliseRows(core::LayerData& data)
{
    return std::max(renormalise(data.windowRows, data.n), renormalise(data.decodeRows, data.total()));
}

WindowSplit windowSplit(std::int64_t n, std::int64_t w, const std::string& captureName)
{
    if (w < 2 || n < 2)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("{}: there are no decode rows and only {} window rows, so nothing is left to "
                                      "judge a mask on; capture with decode steps (--generate) or a larger window",
                                      captureName, w));
    return {n - w / 2, w - w / 2, w / 2};
}

core::LayerData splitAtWindow(const core::LayerData& data, const WindowSplit& split)
{
    const std::int64_t queryHeads = data.heads.queryHeads(), kvHeads = data.heads.kvHeads();
    core::LayerData result;
    result.layer = data.layer;
    result.heads = data.heads;
    result.headDim = data.headDim;
    result.rule = data.rule;
    result.n = split.promptEnd;
    result.t = split.evaluated;
    result.w = split.scoring;
    result.windowRows = slice(data.windowRows, queryHeads, data.w, 0, split.scoring, data.n, result.n);
    result.decodeRows = slice(data.windowRows, queryHeads, data.w, split.scoring, data.w, data.n, data.n);
    result.received = slice(data.received, queryHeads, 1, 0, 1, data.total(), data.n);
    result.receivedSq = slice(data.receivedSq, queryHeads, 1, 0, 1, data.total(), data.n);
    result.entropy = slice(data.entropy, queryHeads, 1, 0, 1, data.total(), data.n);
    result.sinkMass = slice(data.sinkMass, queryHeads, 1, 0, 1, data.total(), data.n);
    result.key = slice(data.key, kvHeads, data.total(), 0, data.n, data.headDim, data.headDim);
    result.value = slice(data.value, kvHeads, data.total(), 0, data.n, data.headDim, data.headDim);
    result.query = slice(data.query, queryHeads, data.w + data.t, 0, data.w, data.headDim, data.headDim);
    withoutLaterRows(result.received, result, result.n, false);
    withoutLaterRows(result.receivedSq, result, result.n, true);
    if (!data.receivedWindow.empty())
        result.receivedWindow = windowSums(result);
    return result;
}

} // namespace kvviz::compress
