// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// An exponential that loops can be vectorised over. For files whose loops are compiled for several instruction sets.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace kvviz::core {

/// exp(x) for x <= 0 or moderate x, relative error below 2e-7; 0 below -87. A degree-6 Taylor polynomial on
/// |f| <= ln(2)/2 after x = k ln2 + f; branch-free, so loops over it vectorise.
inline __attribute__((always_inline)) float fastExp(float x)
{
    constexpr float kLog2e = 1.44269504088896341f;
    constexpr float kLn2High = 0.693359375f;
    constexpr float kLn2Low = -2.12194440e-4f;
    constexpr float kRound = 12582912.0f; // 1.5 * 2^23: adding it rounds to an integer
    const float clamped = std::min(std::max(x, -87.0f), 88.0f);
    const float shifted = clamped * kLog2e + kRound;
    const float k = shifted - kRound;
    const float f = (clamped - k * kLn2High) - k * kLn2Low;
    float p = 1.0f / 720.0f;
    p = p * f + 1.0f / 120.0f;
    p = p * f + 1.0f / 24.0f;
    p = p * f + 1.0f / 6.0f;
    p = p * f + 0.5f;
    p = p * f + 1.0f;
    p = p * f + 1.0f;
    const std::int32_t exponent = (std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(kRound)) << 23;
    const float result = std::bit_cast<float>(std::bit_cast<std::int32_t>(p) + exponent);
    return x < -87.0f ? 0.0f : result;
}

/// tanh(x), absolute error below 2e-7.
inline __attribute__((always_inline)) float fastTanh(float x)
{
    return 1.0f - 2.0f / (1.0f + fastExp(2.0f * x));
}

} // namespace kvviz::core
