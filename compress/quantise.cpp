// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Loops run over channels, which lie side by side, so that they use vector instructions.
#include "compress/quantise.hpp"

#include "core/half.hpp"

#include <algorithm>
#include <vector>

namespace kvviz::compress {
namespace {

constexpr float kLargestHalf = 65504.0f;
/// Added and taken off again, it leaves the nearest whole number, ties to even, of anything below 2^22.
constexpr float kRounder = 12582912.0f;

float roundedToHalf(float value)
{
    return core::halfToFloat(core::floatToHalf(std::clamp(value, -kLargestHalf, kLargestHalf)));
}

/// One rule for single values and rows, so that both give the same bits.
float restored(float value, float minimum, float scale, float levels)
{
    const float code = scale > 0 ? std::clamp((value - minimum) / scale, 0.0f, levels) : 0.0f;
    return ((code + kRounder) - kRounder) * scale + minimum;
}

float levelsOf(int bits) { return static_cast<float>((1 << bits) - 1); }

} // namespace

GroupScale groupScale(float minimum, float maximum, int bits)
{
    return {roundedToHalf(minimum), roundedToHalf((maximum - minimum) / levelsOf(bits))};
}

float throughCode(float value, GroupScale group, int bits)
{
    return restored(value, group.minimum, group.scale, levelsOf(bits));
}

void quantiseChannels(std::span<float> row, int group, int bits)
{
    for (std::size_t first = 0; first < row.size(); first += static_cast<std::size_t>(group)) {
        const std::span<float> part = row.subspan(first, static_cast<std::size_t>(group));
        const auto [least, most] = std::minmax_element(part.begin(), part.end());
        const GroupScale scale = groupScale(*least, *most, bits);
        for (float& value : part)
            value = throughCode(value, scale, bits);
    }
}

void quantiseTokens(std::span<float* const> rows, int width, int bits)
{
    if (rows.empty())
        return;
    std::vector<float> least(rows.front(), rows.front() + width), most = least;
    for (const float* const row : rows)
        for (int c = 0; c < width; ++c) {
            const auto channel = static_cast<std::size_t>(c);
            least[channel] = std::min(least[channel], row[c]);
            most[channel] = std::max(most[channel], row[c]);
        }
    for (std::size_t channel = 0; channel < least.size(); ++channel) {
        const GroupScale scale = groupScale(least[channel], most[channel], bits);
        least[channel] = scale.minimum;
        most[channel] = scale.scale;
    }
    const float levels = levelsOf(bits);
    for (float* const row : rows)
        for (int c = 0; c < width; ++c)
            row[c] = restored(row[c], least[static_cast<std::size_t>(c)], most[static_cast<std::size_t>(c)], levels);
}

} // namespace kvviz::compress
