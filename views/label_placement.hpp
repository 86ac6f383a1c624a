// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Labels on one line that never overlap: each as near to its wish as the others allow, the least important left out
// when there is no room. Pure geometry.
#pragma once

#include <cstddef>
#include <vector>

namespace kvviz::plot {

struct LabelWish {
    double center = 0, width = 0;
    int rank = 0; ///< 0 stays longest; the highest rank is left out first
};

struct PlacedLabel {
    std::size_t index = 0; ///< into the wishes
    double center = 0;
};

/// Wishes must be in ascending order of their centers. The result keeps that order, lies within [low, high], and leaves
/// `gap` between neighbours; the sum of squared displacements is the smallest possible.
[[nodiscard]] std::vector<PlacedLabel> placeLabels(const std::vector<LabelWish>& wishes, double low, double high,
                                                   double gap);

/// Rank of shot `number` (from 1) of `count`: the first, the last and round (of up to ten: even) numbers stay longer.
[[nodiscard]] int shotLabelRank(int number, int count);

} // namespace kvviz::plot
