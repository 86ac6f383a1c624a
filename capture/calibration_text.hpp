// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Text to run a model on when a table is made from its activations: our own paragraphs, or a user's file, in pieces of
// tokens.
#pragma once

#include "capture/tokenizer.hpp"

#include <string_view>
#include <vector>

namespace kvviz::capture {

/// Thirty English paragraphs on everyday knowledge, each of more than 64 tokens of a byte-level BPE, written for kvviz.
[[nodiscard]] const std::vector<std::string_view>& calibrationTexts();

/// The first `tokens` tokens of each paragraph, with the BOS counted where the model wants one. A paragraph that is
/// shorter in this vocabulary is left out.
[[nodiscard]] std::vector<std::vector<std::int32_t>> calibrationPieces(const Tokenizer& tokenizer, std::int64_t tokens);

/// A text cut into consecutive pieces of `tokens` tokens (BOS first and counted, where the model wants one), at most
/// `limit` tokens in all; the last piece may be shorter unless `whole`. Throws Error(badInput) when nothing is left.
[[nodiscard]] std::vector<std::vector<std::int32_t>> textPieces(const Tokenizer& tokenizer, std::string_view text,
                                                                std::int64_t tokens, std::int64_t limit, bool whole);

} // namespace kvviz::capture
