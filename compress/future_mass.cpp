// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Sums in double, row after row, so that the result does not depend on threads.
#include "compress/future_mass.hpp"

#include "compress/kept_sets.hpp"
#include "core/error.hpp"

#include <fmt/format.h>

namespace kvviz::compress {

void requireFuture(const core::LayerData& data, std::string_view who)
{
    if (data.t == 0)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("{} looks at the decode rows of layer {}, but there are none; capture with "
                                      "decode steps",
                                      who, data.layer));
}

std::vector<double> futureMass(const core::LayerData& data, int kvHead)
{
    std::vector<double> mass(static_cast<std::size_t>(data.n), 0.0);
    double* const out = mass.data();
    for (int r = 0; r < data.heads.groupSize(); ++r)
        for (std::int64_t step = 0; step < data.t; ++step) {
            const float* const row = data.decodeRow(data.heads.firstQueryHead(kvHead) + r, step);
#pragma omp simd
            for (std::int64_t key = 0; key < data.n; ++key)
                out[key] += row[key];
        }
    return mass;
}

std::shared_ptr<const Ranking> futureRanking(const LayerInput& input, int kvHead)
{
    return memoised(input, fmt::format("future/{}", kvHead), [&] { return rank(futureMass(input.data, kvHead)); });
}

LayerPlan futurePlan(const LayerInput& input, const PooledScores::Shares& shares, std::int64_t firstUnit)
{
    LayerPlan plan = planOfHeads(input, [&](int kvHead) {
        const auto unit = static_cast<std::size_t>(firstUnit + kvHead);
        return TopK{topOf(*futureRanking(input, kvHead), shares.counts.at(unit)).positions, shares.ties.at(unit)};
    });
    addHeadBudgets(plan);
    return plan;
}

} // namespace kvviz::compress
