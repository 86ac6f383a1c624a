// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Items are added from the last to the first, so that the way back starts with the first.
#include "compress/knapsack.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::compress {

Knapsack::Knapsack(std::span<const double> values, std::vector<std::int64_t> sizes, std::int64_t most)
    : m_sizes(std::move(sizes)), m_most(std::max<std::int64_t>(0, most)),
      m_take(m_sizes.size(), std::vector<bool>(static_cast<std::size_t>(m_most + 1), false))
{
    std::vector<double> worth(static_cast<std::size_t>(m_most + 1), 0.0); // of the items so far, by room
    for (std::size_t item = m_sizes.size(); item-- > 0;) {
        const double value = std::isnan(values[item]) ? 0.0 : values[item];
        for (std::int64_t room = m_most; room >= m_sizes[item]; --room) { // downwards: an item is taken once
            const double with = value + worth[static_cast<std::size_t>(room - m_sizes[item])];
            if (with >= worth[static_cast<std::size_t>(room)]) {
                worth[static_cast<std::size_t>(room)] = with;
                m_take[item][static_cast<std::size_t>(room)] = true;
            }
        }
    }
}

std::vector<std::size_t> Knapsack::best(std::int64_t room) const
{
    room = std::clamp(room, std::int64_t{0}, m_most);
    std::vector<std::size_t> chosen;
    for (std::size_t item = 0; item < m_sizes.size(); ++item)
        if (m_take[item][static_cast<std::size_t>(room)]) {
            chosen.push_back(item);
            room -= m_sizes[item];
        }
    return chosen;
}

} // namespace kvviz::compress
