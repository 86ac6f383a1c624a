// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Byte-pair encoding of one word: neighbours are merged, the best pair first and leftmost among equals, until no pair
// has a merge. A heap of candidates makes it n log n, so that a word of a megabyte is no problem.
#pragma once

#include "capture/token_model.hpp"
#include "capture/tokenizer_description.hpp"

#include <array>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace kvviz::capture {

class BytePairEncoder final : public TokenModel {
public:
    /// `description` must outlive the encoder, which looks into its pieces; of equal pieces and merges the first
    /// counts.
    explicit BytePairEncoder(const TokenizerDescription& description);

    /// Bytes (byteLevel) or characters without a token become what the description says, or are left out before
    /// merging, as the tokenizers library does.
    void encode(const TextPiece& piece, EncodeWorkspace& workspace, std::vector<Token>& tokens) const override;

private:
    struct Merge {
        std::int32_t rank, merged;
    };
    struct PairHash {
        std::size_t operator()(std::uint64_t key) const noexcept { return (key * 0x9e3779b97f4a7c15u) >> 20; }
    };
    using Symbol = EncodeWorkspace::Symbol;

    void addTokens();
    void rankScores();
    [[nodiscard]] std::int32_t find(std::string_view bytes) const; ///< -1: no token
    [[nodiscard]] std::optional<Merge> findMerge(std::string_view text, const Symbol& left, const Symbol& right) const;
    void start(std::string_view text, std::vector<Symbol>& symbols) const;
    void addUnknown(std::string_view text, std::size_t begin, std::size_t end, std::vector<Symbol>& symbols) const;
    void propose(std::string_view text, EncodeWorkspace& workspace, std::int32_t left) const;
    void mergeAll(std::string_view text, EncodeWorkspace& workspace) const;

    const TokenizerDescription& m_description;
    std::unordered_map<std::string_view, std::int32_t> m_tokens;
    std::unordered_map<std::uint64_t, Merge, PairHash> m_merges;
    std::vector<std::int32_t> m_scoreRanks;       ///< by id; 0 is the best score, equal scores share a rank
    std::size_t m_longest = 0;                    ///< bytes of the longest piece
    std::array<std::int32_t, 256> m_byteTokens{}; ///< of single bytes, or those of the byte fallback; -1: none
};

} // namespace kvviz::capture
