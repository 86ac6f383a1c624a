// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// SplitMix64 (Steele et al. 2014): the same numbers with every standard library. As a counter-based generator a number
// is a hash of what it is for, so any of them can be had alone and in any order.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace kvviz::core {

/// What each draw adds to the state.
inline constexpr std::uint64_t kSplitMixStep = 0x9e3779b97f4a7c15u;

/// The finaliser: bijective, 0 stays 0.
[[nodiscard]] constexpr std::uint64_t finaliseBits(std::uint64_t x) noexcept
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/// Bijective mixing of 64 bits.
[[nodiscard]] constexpr std::uint64_t mixBits(std::uint64_t x) noexcept { return finaliseBits(x + kSplitMixStep); }

/// The next number of the sequence, uniform in 64 bits.
[[nodiscard]] constexpr std::uint64_t nextBits(std::uint64_t& state) noexcept
{
    return finaliseBits(state += kSplitMixStep);
}

/// Uniform in [0, 1) with 53 bits, determined by the list of counters.
[[nodiscard]] constexpr double hashUniform(std::initializer_list<std::uint64_t> counters) noexcept
{
    std::uint64_t state = 0;
    for (const std::uint64_t counter : counters)
        state = mixBits(state ^ mixBits(counter));
    return static_cast<double>(state >> 11) * 0x1.0p-53;
}

/// FNV-1a, 64 bits: tells texts apart that differ by accident, which is all that may be asked of it.
[[nodiscard]] constexpr std::uint64_t hashText(std::string_view text) noexcept
{
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : text)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return hash;
}

} // namespace kvviz::core
