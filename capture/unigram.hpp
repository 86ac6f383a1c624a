// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// SentencePiece's unigram model: of all ways to put a text together from pieces, the one whose scores (logarithms of
// probabilities) have the greatest sum (Kudo 2018, arXiv 1804.10959).
#pragma once

#include "capture/byte_trie.hpp"
#include "capture/token_model.hpp"
#include "capture/tokenizer_description.hpp"

#include <array>

namespace kvviz::capture {

class UnigramEncoder final : public TokenModel {
public:
    /// `description` must outlive the encoder; it has scores.
    explicit UnigramEncoder(const TokenizerDescription& description);

    /// Neighbouring characters without a piece become one unknown, and that its bytes where all have a token.
    void encode(const TextPiece& piece, EncodeWorkspace& workspace, std::vector<Token>& tokens) const override;

private:
    void findPath(std::string_view text, std::vector<EncodeWorkspace::PathEnd>& paths) const;
    void addUnknown(const TextPiece& piece, std::vector<Token>& tokens) const;

    const TokenizerDescription& m_description;
    ByteTrie m_pieces;
    std::array<std::int32_t, 256> m_byteTokens{}; ///< -1: none
    double m_unknownScore = 0;
};

} // namespace kvviz::capture
