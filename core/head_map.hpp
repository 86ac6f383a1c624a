// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Grouped-query attention: which KV head serves which query head. Mixing the two kinds of head is the likeliest
// bug in this field, so every aggregation over heads takes a HeadMap.
#pragma once

#include "core/error.hpp"

namespace kvviz::core {

/// Query head h uses KV head h div R, R = queryHeads / kvHeads (repeat-interleave layout, methods.md section 0).
class HeadMap {
public:
    HeadMap() = default;
    /// Throws Error(badInput) unless both are positive and queryHeads is a multiple of kvHeads.
    HeadMap(int queryHeads, int kvHeads) : m_queryHeads(queryHeads), m_kvHeads(kvHeads)
    {
        if (queryHeads <= 0 || kvHeads <= 0 || queryHeads % kvHeads != 0)
            throw Error(ErrorCode::badInput, "the number of query heads (" + std::to_string(queryHeads)
                                                 + ") must be a positive multiple of the number of KV heads ("
                                                 + std::to_string(kvHeads) + ")");
    }
    [[nodiscard]] int queryHeads() const noexcept { return m_queryHeads; }            // H
    [[nodiscard]] int kvHeads() const noexcept { return m_kvHeads; }                  // G
    [[nodiscard]] int groupSize() const noexcept { return m_queryHeads / m_kvHeads; } // R
    [[nodiscard]] int kvHeadOf(int queryHead) const noexcept { return queryHead / groupSize(); }
    [[nodiscard]] int firstQueryHead(int kvHead) const noexcept { return kvHead * groupSize(); }
    friend bool operator==(const HeadMap&, const HeadMap&) = default;

private:
    int m_queryHeads = 1;
    int m_kvHeads = 1;
};

} // namespace kvviz::core
