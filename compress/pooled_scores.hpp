// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One budget for several KV heads, of a layer or of the whole model: how many of its best items each may keep. Sorted
// once, cut for any number of budgets.
#pragma once

#include "compress/method.hpp"
#include "compress/top_k.hpp"

namespace kvviz::compress {

/// Items of units (KV heads) in one order: score descending, then unit, then place in the unit's own list.
class PooledScores {
public:
    /// Units are numbered as they come. `bestFirst` does not increase and holds no NaN.
    void add(std::vector<double> bestFirst);
    /// After the last unit.
    void finish();

    [[nodiscard]] std::int64_t units() const noexcept { return std::ssize(m_units); }
    [[nodiscard]] std::int64_t size(std::size_t unit) const { return std::ssize(m_units.at(unit)); }
    [[nodiscard]] std::int64_t items() const noexcept { return std::ssize(m_merged); }

    struct Shares {
        std::vector<std::int64_t> counts; ///< [units] items of each among the best
        std::vector<std::int64_t> ties;   ///< [units] items equal to the last one taken if the cut splits them, else 0
    };
    /// Of the best `total` items of all units, clamped to [0, items()].
    [[nodiscard]] Shares share(std::int64_t total) const;

private:
    std::vector<std::vector<double>> m_units;
    std::vector<double> m_merged; ///< best first
};

/// The scores of a ranking, best first.
[[nodiscard]] std::vector<double> bestFirst(const Ranking& ranking);

} // namespace kvviz::compress
