// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/label_placement.hpp"

#include <algorithm>

namespace kvviz::plot {

namespace {

/// Pools neighbours that are out of order into their mean until the sequence never falls (isotonic regression).
std::vector<double> isotonic(const std::vector<double>& values)
{
    struct Block {
        double sum = 0;
        std::size_t count = 0;
        [[nodiscard]] double mean() const { return sum / static_cast<double>(count); }
    };
    std::vector<Block> blocks;
    for (const double value : values) {
        blocks.push_back({value, 1});
        while (blocks.size() > 1 && blocks[blocks.size() - 2].mean() > blocks.back().mean()) {
            const Block last = blocks.back();
            blocks.pop_back();
            blocks.back().sum += last.sum;
            blocks.back().count += last.count;
        }
    }
    std::vector<double> result;
    for (const Block& block : blocks)
        result.insert(result.end(), block.count, block.mean());
    return result;
}

double neededWidth(const std::vector<LabelWish>& wishes, const std::vector<std::size_t>& chosen, double gap)
{
    double width = chosen.empty() ? 0.0 : gap * static_cast<double>(chosen.size() - 1);
    for (const std::size_t index : chosen)
        width += wishes[index].width;
    return width;
}

/// Leaves out whole ranks, then single labels from the end, until the rest fits.
std::vector<std::size_t> chooseThatFit(const std::vector<LabelWish>& wishes, double room, double gap)
{
    std::vector<std::size_t> chosen(wishes.size());
    for (std::size_t i = 0; i < chosen.size(); ++i)
        chosen[i] = i;
    while (!chosen.empty() && neededWidth(wishes, chosen, gap) > room) {
        int worst = 0;
        for (const std::size_t index : chosen)
            worst = std::max(worst, wishes[index].rank);
        if (worst == 0)
            chosen.pop_back();
        else
            std::erase_if(chosen, [&](std::size_t index) { return wishes[index].rank == worst; });
    }
    return chosen;
}

} // namespace

std::vector<PlacedLabel> placeLabels(const std::vector<LabelWish>& wishes, double low, double high, double gap)
{
    const auto chosen = chooseThatFit(wishes, high - low, gap);
    // With the left edges moved to where they would be if all labels stood side by side from `low`, "no overlap" is
    // "never falling", and both ends are plain bounds.
    std::vector<double> offsets, shifted;
    double offset = low;
    for (const std::size_t index : chosen) {
        offsets.push_back(offset);
        shifted.push_back(wishes[index].center - wishes[index].width / 2 - offset);
        offset += wishes[index].width + gap;
    }
    const double slack = chosen.empty() ? 0.0 : high - (offset - gap);
    const auto moved = isotonic(shifted);
    std::vector<PlacedLabel> placed;
    for (std::size_t i = 0; i < chosen.size(); ++i)
        placed.push_back({chosen[i], std::clamp(moved[i], 0.0, slack) + offsets[i] + wishes[chosen[i]].width / 2});
    return placed;
}

int shotLabelRank(int number, int count)
{
    if (number == 1 || number == count)
        return 1;
    if (count > 10 && number % 10 == 0)
        return 2;
    if (count > 10 && number % 5 == 0)
        return 3;
    return number % 2 == 0 ? 4 : 5;
}

} // namespace kvviz::plot
