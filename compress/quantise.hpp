// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Asymmetric uniform quantization in groups (methods.md section 8): stored are a code an element and, in half
// precision, a scale and a minimum a group; the functions replace values by what comes back.
#pragma once

#include <cstdint>
#include <span>

namespace kvviz::compress {

/// What is stored of a group besides the codes, rounded to half precision.
struct GroupScale {
    float minimum = 0;
    float scale = 0; ///< (max - min) / (2^bits - 1); 0: every element comes back as the minimum
};
[[nodiscard]] GroupScale groupScale(float minimum, float maximum, int bits);

/// The nearest of the 2^bits levels, half-way cases to the even code, outside the range the end of it.
[[nodiscard]] float throughCode(float value, GroupScale group, int bits);

/// One token: each `group` consecutive channels share a scale. row.size() must be a multiple of `group`.
void quantiseChannels(std::span<float> row, int group, int bits);

/// One group of tokens, each row of `width` channels: a channel of all tokens shares a scale.
void quantiseTokens(std::span<float* const> rows, int width, int bits);

/// Bytes an element takes, with its share of scale and minimum.
[[nodiscard]] constexpr double quantisedBytes(int bits, std::int64_t group)
{
    return bits / 8.0 + 4.0 / static_cast<double>(group);
}

} // namespace kvviz::compress
