// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Everything is indexed by place in the live set, so that a step costs what the cache holds, not what it once held.
#include "compress/online_steps.hpp"

#include <algorithm>
#include <numeric>

namespace kvviz::compress {

HeadRange groupOf(const core::LayerData& data, int kvHead)
{
    return {data.heads.firstQueryHead(kvHead), data.heads.groupSize()};
}

HeadRange allHeads(const core::LayerData& data) { return {0, data.heads.queryHeads()}; }

std::vector<std::vector<double>> renormalisedRows(const core::LayerData& data, HeadRange heads, std::int64_t step,
                                                  std::span<const std::int32_t> keys)
{
    std::vector<std::vector<double>> rows(static_cast<std::size_t>(heads.count));
    for (int r = 0; r < heads.count; ++r) {
        const float* const captured = data.decodeRow(heads.first + r, step);
        std::vector<double>& row = rows[static_cast<std::size_t>(r)];
        row.reserve(keys.size());
        for (const std::int32_t key : keys)
            row.push_back(captured[key]);
        const double mass = std::accumulate(row.begin(), row.end(), 0.0);
        if (mass > 0)
            for (double& value : row)
                value /= mass;
    }
    return rows;
}

std::vector<std::uint8_t> replayOnline(const core::LayerData& data, HeadRange heads, std::vector<std::int32_t> live,
                                       const StayRule& rule)
{
    const std::int64_t total = data.total();
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(data.t * total), 0);
    for (std::int64_t step = 0; step < data.t; ++step) {
        live.push_back(static_cast<std::int32_t>(data.n + step));
        std::uint8_t* const visible = mask.data() + step * total;
        for (const std::int32_t key : live)
            visible[key] = 1;
        const auto rows = renormalisedRows(data, heads, step, live);
        keepPlaces(live, rule({step, live, rows}));
    }
    return mask;
}

std::vector<double> meanRow(std::span<const std::vector<double>> rows) { return reduceScores(rows, Reduce::mean); }

ReceivedScores::ReceivedScores(const core::LayerData& data, HeadRange heads)
{
    for (int r = 0; r < heads.count; ++r) {
        const float* const sums = data.received.data() + (heads.first + r) * data.total();
        m_heads.emplace_back(sums, sums + data.n);
    }
}

void ReceivedScores::add(std::span<const std::vector<double>> rows)
{
    for (std::size_t head = 0; head < m_heads.size(); ++head) {
        std::vector<double>& scores = m_heads[head];
        scores.push_back(0.0);
        std::transform(scores.begin(), scores.end(), rows[head].begin(), scores.begin(), std::plus<>());
    }
}

void ReceivedScores::keep(std::span<const std::int32_t> places)
{
    for (std::vector<double>& scores : m_heads)
        keepPlaces(scores, places);
}

std::vector<double> ReceivedScores::reduced(Reduce reduce, std::int64_t keys) const
{
    std::vector<double> result = reduceScores(m_heads, reduce);
    result.resize(static_cast<std::size_t>(std::max<std::int64_t>(0, keys)));
    return result;
}

void setSharedMask(LayerPlan& plan, const core::LayerData& data, std::span<const std::uint8_t> mask)
{
    plan.keptDecode.clear();
    plan.keptDecode.reserve(mask.size() * static_cast<std::size_t>(data.heads.kvHeads()));
    for (int kvHead = 0; kvHead < data.heads.kvHeads(); ++kvHead)
        plan.keptDecode.insert(plan.keptDecode.end(), mask.begin(), mask.end());
}

} // namespace kvviz::compress
