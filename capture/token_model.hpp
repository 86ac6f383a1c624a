// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The last stage of the tokenizer: one piece of text becomes tokens.
#pragma once

#include "capture/text_piece.hpp"
#include "capture/tokenizer.hpp"

#include <cstdint>
#include <vector>

namespace kvviz::capture {

/// Memory that models use again and again; one for each call of the tokenizer.
struct EncodeWorkspace {
    struct Symbol {
        std::int32_t id;   ///< -1: no token
        std::int32_t next; ///< index of the right neighbour, -1: none
        std::int32_t previous;
        std::int32_t begin; ///< bytes in the piece; -1: merged away
        std::int32_t end;
    };
    struct Candidate {
        std::int32_t rank, left, middle, end, merged; ///< symbol `left` up to byte `middle`, its neighbour up to `end`
    };
    struct PathEnd {
        double score = 0;
        std::int32_t id = 0;
        std::int32_t begin = -1; ///< of the last token; -1: not reached
    };
    std::vector<Symbol> symbols;
    std::vector<Candidate> heap;
    std::vector<PathEnd> paths;
};

class TokenModel {
public:
    virtual ~TokenModel() = default;
    /// Appends the tokens of `piece`; only `id` and `begin` are set. The piece is well-formed UTF-8 or one stray byte.
    virtual void encode(const TextPiece& piece, EncodeWorkspace& workspace, std::vector<Token>& tokens) const = 0;
};

} // namespace kvviz::capture
