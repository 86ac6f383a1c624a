// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Byte-pair encoding of one word: neighbours are merged, best rank first and leftmost among equals, until no pair has a
// merge. A heap of candidates makes it n log n, so that a word of a megabyte is no problem.
#pragma once

#include "capture/tokenizer.hpp"

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace kvviz::capture {

class BytePairEncoder {
public:
    /// Memory that encode() uses again and again; one for each thread.
    struct Workspace {
        struct Symbol {
            std::int32_t id;
            std::int32_t next;     ///< index of the right neighbour, -1: none
            std::int32_t previous;
            std::int32_t begin;    ///< byte in the word; -1: merged away
        };
        struct Candidate {
            std::int32_t rank, left, leftId, rightId;
        };
        std::vector<Symbol> symbols;
        std::vector<Candidate> heap;
    };

    /// Makes a token known. The bytes must outlive the encoder; the first of equal entries wins.
    void addToken(std::string_view bytes, std::int32_t id);
    /// The token with exactly these bytes, or -1.
    [[nodiscard]] std::int32_t find(std::string_view bytes) const;
    /// Earlier merges go first.
    void addMerge(std::int32_t left, std::int32_t right, std::int32_t merged);

    /// Appends the tokens of `word`, whose first byte is byte `offset` of the text; only `id` and `begin` are set.
    /// Bytes without a token are left out before merging, as the tokenizers library does.
    void encode(std::string_view word, std::int64_t offset, Workspace& workspace, std::vector<Token>& tokens) const;

private:
    struct Merge {
        std::int32_t rank, merged;
    };
    struct PairHash {
        std::size_t operator()(std::uint64_t key) const noexcept { return (key * 0x9e3779b97f4a7c15u) >> 20; }
    };
    [[nodiscard]] const Merge* findMerge(std::int32_t left, std::int32_t right) const;
    void propose(Workspace& workspace, std::int32_t left) const;
    void mergeAll(Workspace& workspace) const;

    std::unordered_map<std::string_view, std::int32_t> m_tokens;
    std::unordered_map<std::uint64_t, Merge, PairHash> m_merges;
    std::array<std::int32_t, 256> m_byteTokens = [] {
        std::array<std::int32_t, 256> none{};
        none.fill(-1);
        return none;
    }();
};

} // namespace kvviz::capture
