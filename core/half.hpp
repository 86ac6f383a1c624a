// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// IEEE half precision and bfloat16 in bulk. Values are kept as uint16_t bit patterns.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace kvviz::core {

using Half = std::uint16_t;     ///< IEEE binary16 bits
using BFloat16 = std::uint16_t; ///< bfloat16 bits

/// Round to nearest even; overflow gives infinity, NaN stays NaN, subnormals are kept.
[[nodiscard]] Half floatToHalf(float value) noexcept;
[[nodiscard]] float halfToFloat(Half bits) noexcept;

[[nodiscard]] inline float bfloat16ToFloat(BFloat16 bits) noexcept
{
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}
/// Round to nearest even; NaN stays NaN.
[[nodiscard]] inline BFloat16 floatToBFloat16(float value) noexcept
{
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return static_cast<BFloat16>((bits >> 16) | 0x40u);
    return static_cast<BFloat16>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/// Bulk conversions, with the F16C instructions where the CPU has them. Ranges must not overlap.
void floatToHalf(const float* from, Half* to, std::size_t count) noexcept;
void halfToFloat(const Half* from, float* to, std::size_t count) noexcept;

} // namespace kvviz::core
