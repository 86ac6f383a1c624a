// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Half-open ranges of positions, used for tokens and for bytes of text.
#pragma once

#include <cstdint>

namespace kvviz::core {

/// Half-open range [begin, end).
struct Span {
    std::int64_t begin = 0;
    std::int64_t end = 0;

    [[nodiscard]] constexpr std::int64_t size() const noexcept { return end - begin; }
    [[nodiscard]] constexpr bool empty() const noexcept { return end <= begin; }
    [[nodiscard]] constexpr bool contains(std::int64_t position) const noexcept
    {
        return position >= begin && position < end;
    }
    friend constexpr bool operator==(const Span&, const Span&) = default;
};

} // namespace kvviz::core
