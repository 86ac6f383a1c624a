// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Finds special tokens (<|im_start|>, ...) written out in a text: the earliest place, and there the longest token.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace kvviz::capture {

class SpecialTokens {
public:
    struct Match {
        std::size_t begin = 0, length = 0;
        std::int32_t id = 0;
    };

    /// An empty text is ignored; the first of equal texts wins.
    void add(std::string_view text, std::int32_t id);
    /// The first match at or after `from`.
    [[nodiscard]] std::optional<Match> find(std::string_view text, std::size_t from) const;

private:
    /// Trie: (node, byte) -> node, node 0 is the root. One lookup a byte, however many tokens share a beginning.
    std::unordered_map<std::uint64_t, std::uint32_t> m_edges;
    std::unordered_map<std::uint32_t, std::int32_t> m_ends;
    std::uint32_t m_nodes = 1;
    std::array<bool, 256> m_starts{};
};

} // namespace kvviz::capture
