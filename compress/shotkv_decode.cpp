// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Sequential replay: rows are renormalised over the keys alive, as a compressed run would see them (methods.md 2.4).
#include "compress/shotkv_decode.hpp"

#include "compress/top_k.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace kvviz::compress {
namespace {

double massOn(const float* row, std::span<const std::int32_t> keys)
{
    double mass = 0;
    for (const std::int32_t key : keys)
        mass += row[key];
    return mass;
}

/// Sum over the heads of query `step`'s attention on the candidate generated keys. When they are all the generated
/// keys alive, each head's row is first divided by its mass on them and on the kept prompt.
std::vector<double> candidateScores(const core::LayerData& data, std::int64_t step,
                                    std::span<const std::int32_t> candidates,
                                    std::span<const std::int32_t> keptPrompt, bool renormalise)
{
    std::vector<double> scores(candidates.size(), 0.0);
    for (int head = 0; head < data.heads.queryHeads(); ++head) {
        const float* const row = data.decodeRow(head, step);
        const double mass = renormalise ? massOn(row, keptPrompt) + massOn(row, candidates) : 1.0;
        if (!(mass > 0))
            continue;
        for (std::size_t i = 0; i < candidates.size(); ++i)
            scores[i] += row[candidates[i]] / mass;
    }
    return scores;
}

} // namespace

std::int64_t decodeKeepCount(std::int64_t generated, double ratio)
{
    const auto wanted = static_cast<std::int64_t>(std::ceil(ratio * static_cast<double>(generated) - 1e-9));
    return std::max<std::int64_t>(1, wanted);
}

std::vector<std::uint8_t> shotDecodeMask(const core::LayerData& data, std::span<const std::int32_t> keptPrompt,
                                         double ratio, bool recall)
{
    const std::int64_t total = data.total();
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(data.t * total), 0);
    std::vector<std::int32_t> survivors; // generated keys, positions in the whole cache
    for (std::int64_t step = 0; step < data.t; ++step) {
        std::uint8_t* const visible = mask.data() + step * total;
        const auto own = static_cast<std::int32_t>(data.n + step);
        for (const std::int32_t key : keptPrompt)
            visible[key] = 1;
        for (const std::int32_t key : survivors)
            visible[key] = 1;
        visible[own] = 1;

        std::vector<std::int32_t> candidates = survivors;
        candidates.push_back(own);
        if (recall) {
            candidates.resize(static_cast<std::size_t>(step + 1));
            std::iota(candidates.begin(), candidates.end(), static_cast<std::int32_t>(data.n));
        }
        const std::vector<double> scores = candidateScores(data, step, candidates, keptPrompt, !recall);
        survivors.clear();
        for (const std::int32_t place : topK(scores, decodeKeepCount(step + 1, ratio)).positions)
            survivors.push_back(candidates[static_cast<std::size_t>(place)]);
    }
    return mask;
}

} // namespace kvviz::compress
