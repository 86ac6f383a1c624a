// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// SentencePiece's compiled normalisation map (precompiled_charsmap): a double-array trie whose values point into a list
// of texts. Its indices come from a file; each is checked when it is followed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::capture {

class CharsMap {
public:
    /// Throws Error(badInput): too short, or its sizes contradict each other.
    explicit CharsMap(std::string_view bytes);

    /// What the shortest text of the map that `text` begins with becomes; nothing when there is none.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view text) const;

private:
    std::vector<std::uint32_t> m_units;
    std::string m_texts; ///< each ends with a zero byte
};

} // namespace kvviz::capture
