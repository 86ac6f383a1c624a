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

namespace {

/// Into rows that are there already, one a head: a replay would allocate them at each step.
void renormaliseInto(std::vector<std::vector<double>>& rows, const core::LayerData& data, HeadRange heads,
                     std::int64_t step, std::span<const std::int32_t> keys)
{
    for (int r = 0; r < heads.count; ++r) {
        const float* const captured = data.decodeRow(heads.first + r, step);
        std::vector<double>& row = rows[static_cast<std::size_t>(r)];
        row.resize(keys.size());
        double mass = 0;
        for (std::size_t i = 0; i < keys.size(); ++i)
            mass += row[i] = captured[keys[i]];
        if (mass > 0)
            for (double& value : row)
                value /= mass;
    }
}

} // namespace

std::vector<std::vector<double>> renormalisedRows(const core::LayerData& data, HeadRange heads, std::int64_t step,
                                                  std::span<const std::int32_t> keys)
{
    std::vector<std::vector<double>> rows(static_cast<std::size_t>(heads.count));
    renormaliseInto(rows, data, heads, step, keys);
    return rows;
}

std::vector<std::uint8_t> replayOnline(const core::LayerData& data, HeadRange heads, std::vector<std::int32_t> live,
                                       const StayRule& rule, bool readsRows)
{
    const std::int64_t total = data.total();
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(data.t * total), 0);
    std::vector<std::vector<double>> rows(static_cast<std::size_t>(readsRows ? heads.count : 0));
    for (std::int64_t step = 0; step < data.t; ++step) {
        live.push_back(static_cast<std::int32_t>(data.n + step));
        std::uint8_t* const visible = mask.data() + step * total;
        for (const std::int32_t key : live)
            visible[key] = 1;
        if (readsRows)
            renormaliseInto(rows, data, heads, step, live);
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

const std::vector<std::vector<std::int32_t>>& startKeys(const LayerPlan& plan, const StepRules& rules)
{
    return rules.start.empty() ? plan.kept : rules.start;
}

std::vector<std::uint8_t> replayRules(const core::LayerData& data, const LayerPlan& plan, const StepRules& rules)
{
    if (rules.rules.empty() || data.t <= rules.quietSteps)
        return {};
    const auto& start = startKeys(plan, rules);
    if (rules.rules.size() == 1)
        return sharedMask(data,
                          replayOnline(data, allHeads(data), start.front(), rules.rules.front(), rules.readsRows));
    std::vector<std::uint8_t> masks;
    for (int kvHead = 0; kvHead < data.heads.kvHeads(); ++kvHead) {
        const auto at = static_cast<std::size_t>(kvHead);
        const auto mask =
            replayOnline(data, groupOf(data, kvHead), start.at(at), rules.rules.at(at), rules.readsRows);
        masks.insert(masks.end(), mask.begin(), mask.end());
    }
    return masks;
}

std::vector<std::uint8_t> sharedMask(const core::LayerData& data, std::span<const std::uint8_t> mask)
{
    std::vector<std::uint8_t> masks;
    masks.reserve(mask.size() * static_cast<std::size_t>(data.heads.kvHeads()));
    for (int kvHead = 0; kvHead < data.heads.kvHeads(); ++kvHead)
        masks.insert(masks.end(), mask.begin(), mask.end());
    return masks;
}

} // namespace kvviz::compress
