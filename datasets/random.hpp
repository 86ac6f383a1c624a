// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A small seeded generator (SplitMix64). The standard distributions may differ between libraries; prompts must be the
// same bytes everywhere and for ever, so the few draws needed are written out here.
#pragma once

#include "core/hash_random.hpp"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace kvviz::datasets {

class Random {
public:
    /// An own stream for each seed, purpose ("addition shots") and number (prompt index).
    Random(std::uint64_t seed, std::string_view purpose, std::int64_t number) : m_state(core::mixBits(seed))
    {
        for (const char c : purpose)
            m_state = core::finaliseBits(m_state ^ static_cast<unsigned char>(c));
        m_state = core::finaliseBits(m_state ^ static_cast<std::uint64_t>(number));
    }

    [[nodiscard]] std::uint64_t next() noexcept { return core::nextBits(m_state); }

    /// Uniform in [0, count), count > 0; values that would favour low results are thrown away.
    [[nodiscard]] std::uint64_t below(std::uint64_t count) noexcept
    {
        const std::uint64_t tooLow = (0 - count) % count;
        std::uint64_t value = next();
        while (value < tooLow)
            value = next();
        return value % count;
    }
    /// Uniform in [low, high].
    [[nodiscard]] int between(int low, int high) noexcept
    {
        return low + static_cast<int>(below(static_cast<std::uint64_t>(high - low) + 1));
    }
    template <typename List>
    [[nodiscard]] const auto& pick(const List& list) noexcept
    {
        return list[static_cast<std::size_t>(below(std::size(list)))];
    }

private:
    std::uint64_t m_state;
};

} // namespace kvviz::datasets
