// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The normalizer of a tokenizer: its steps one after the other, over text that keeps the origins of its bytes.
#pragma once

#include "capture/text_piece.hpp"
#include "capture/tokenizer_description.hpp"

#include <memory>
#include <vector>

namespace kvviz::capture {

class TextNormalizer {
public:
    /// Throws Error(badInput) for an expression or a map that cannot be used.
    explicit TextNormalizer(const std::vector<NormalizerStep>& steps);
    ~TextNormalizer();
    TextNormalizer(TextNormalizer&&) noexcept;
    TextNormalizer& operator=(TextNormalizer&&) noexcept;

    [[nodiscard]] bool empty() const;
    /// `piece` is well-formed UTF-8; so is the result. Throws Error(badInput) where it would grow beyond arena.most().
    [[nodiscard]] TextPiece apply(TextPiece piece, TextArena& arena) const;

private:
    struct Step;
    std::vector<Step> m_steps;
};

} // namespace kvviz::capture
