// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Rank correlations between two lists of equal length. Pairs with a NaN on either side are left out.
#pragma once

#include <span>
#include <vector>

namespace kvviz::core {

/// Ranks from 1, equal values get their mean rank. [count]
[[nodiscard]] std::vector<double> ranks(std::span<const double> values);
/// Pearson's correlation; NaN for fewer than two pairs or a constant list. Throws Error(usage) for unequal lengths.
[[nodiscard]] double pearson(std::span<const double> a, std::span<const double> b);
/// Pearson's correlation of the ranks.
[[nodiscard]] double spearman(std::span<const double> a, std::span<const double> b);
/// Kendall's tau-b, which corrects for ties; O(n^2).
[[nodiscard]] double kendall(std::span<const double> a, std::span<const double> b);

} // namespace kvviz::core
