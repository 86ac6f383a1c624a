// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Finds added tokens (<|im_start|>, ...) written out in a text: the earliest place, and there the longest token.
#pragma once

#include "capture/byte_trie.hpp"
#include "capture/tokenizer_description.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace kvviz::capture {

class SpecialTokens {
public:
    struct Match {
        std::size_t begin = 0, length = 0;
        std::int32_t id = 0;
    };

    /// Looks for `text`, which is that of the token or its normalised form. An empty text is ignored; the first of
    /// equal texts wins.
    void add(std::string_view text, const AddedToken& token);
    [[nodiscard]] bool empty() const { return m_tokens.empty(); }
    /// All of a text in order, with the white space that their tokens take along to the left, as far as the match before,
    /// and to the right, also over later matches: such a match may begin before the end of the one before it. What
    /// becomes empty by that is left out.
    [[nodiscard]] std::vector<Match> findAll(std::string_view text) const;

private:
    struct Rule {
        std::int32_t id;
        bool singleWord, leftStrip, rightStrip;
    };
    [[nodiscard]] std::optional<Match> findPlain(std::string_view text, std::size_t from) const; ///< `id`: of m_tokens

    ByteTrie m_texts;
    std::vector<Rule> m_tokens;
    std::array<bool, 256> m_starts{};
};

} // namespace kvviz::capture
