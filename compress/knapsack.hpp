// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The 0/1 knapsack by dynamic programming on sizes, solved once for every room up to a largest one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kvviz::compress {

class Knapsack {
public:
    /// Values >= 0 (NaN counts as 0) and sizes >= 1 of the items. O(items * most) time, a bit of memory each.
    Knapsack(std::span<const double> values, std::vector<std::int64_t> sizes, std::int64_t most);

    /// The most valuable items whose sizes fit into `room` (clamped to [0, most]), ascending; of equally valuable sets
    /// the one that takes the first item, else the second, ...
    [[nodiscard]] std::vector<std::size_t> best(std::int64_t room) const;

private:
    std::vector<std::int64_t> m_sizes;
    std::int64_t m_most;
    std::vector<std::vector<bool>> m_take; ///< [items, most + 1] take the item when that much room is left for it
};

} // namespace kvviz::compress
