// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Counter-based random numbers: a number is a hash of what it is for, so any of them can be had alone and in any order.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace kvviz::compress {

/// Bijective mixing of 64 bits (the finaliser of SplitMix64, Steele et al. 2014).
[[nodiscard]] constexpr std::uint64_t mixBits(std::uint64_t x) noexcept
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/// Uniform in [0, 1) with 53 bits, determined by the list of counters.
[[nodiscard]] constexpr double hashUniform(std::initializer_list<std::uint64_t> counters) noexcept
{
    std::uint64_t state = 0;
    for (const std::uint64_t counter : counters)
        state = mixBits(state ^ mixBits(counter));
    return static_cast<double>(state >> 11) * 0x1.0p-53;
}

} // namespace kvviz::compress
