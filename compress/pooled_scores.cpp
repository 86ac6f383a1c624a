// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A cut is one number, the score of the last item taken; binary searches find it in each unit's list.
#include "compress/pooled_scores.hpp"

#include <algorithm>
#include <functional>

namespace kvviz::compress {

void PooledScores::add(std::vector<double> bestFirst)
{
    m_merged.insert(m_merged.end(), bestFirst.begin(), bestFirst.end());
    m_units.push_back(std::move(bestFirst));
}

void PooledScores::finish() { std::sort(m_merged.begin(), m_merged.end(), std::greater<>()); }

PooledScores::Shares PooledScores::share(std::int64_t total) const
{
    total = std::clamp(total, std::int64_t{0}, items());
    Shares shares{std::vector<std::int64_t>(m_units.size(), 0), std::vector<std::int64_t>(m_units.size(), 0)};
    if (total == 0)
        return shares;
    const double last = m_merged[static_cast<std::size_t>(total - 1)];
    std::int64_t room = total, equal = 0;
    for (std::size_t unit = 0; unit < m_units.size(); ++unit) {
        const auto [from, to] = std::equal_range(m_units[unit].begin(), m_units[unit].end(), last, std::greater<>());
        shares.counts[unit] = from - m_units[unit].begin();
        shares.ties[unit] = to - from;
        room -= shares.counts[unit];
        equal += shares.ties[unit];
    }
    const bool split = equal > room;
    for (std::size_t unit = 0; unit < m_units.size(); ++unit) {
        const std::int64_t taken = std::min(room, shares.ties[unit]);
        shares.counts[unit] += taken;
        room -= taken;
        shares.ties[unit] = split ? shares.ties[unit] : 0;
    }
    return shares;
}

std::vector<double> bestFirst(const Ranking& ranking)
{
    std::vector<double> sorted(ranking.order.size());
    std::transform(ranking.order.begin(), ranking.order.end(), sorted.begin(),
                   [&](std::int32_t item) { return ranking.scores[static_cast<std::size_t>(item)]; });
    return sorted;
}

} // namespace kvviz::compress
