// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Cuts a text into the pieces that the model may not merge across: words, numbers, punctuation, spaces.
#pragma once

#include "capture/text_piece.hpp"
#include "capture/tokenizer_description.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace kvviz::capture {

class PreTokenizer {
public:
    /// Throws Error(badInput) for an expression of a file that cannot be used.
    explicit PreTokenizer(const std::vector<SplitStep>& steps);
    ~PreTokenizer();
    PreTokenizer(PreTokenizer&&) noexcept;
    PreTokenizer& operator=(PreTokenizer&&) noexcept;

    /// Appends the pieces of well-formed text to `pieces`, in order, none empty.
    void cut(const TextPiece& text, TextArena& arena, std::vector<TextPiece>& pieces) const;

private:
    struct Step;
    std::vector<Step> m_steps;
};

} // namespace kvviz::capture
