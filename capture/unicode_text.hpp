// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the Unicode tables (utf8proc) know, over text that keeps the origins of its bytes.
#pragma once

#include "capture/text_piece.hpp"
#include "capture/tokenizer_description.hpp"

#include <cstddef>
#include <string_view>

namespace kvviz::capture {

/// Bytes of the user-perceived character (extended grapheme cluster) at the start of a well-formed text.
[[nodiscard]] std::size_t graphemeLength(std::string_view text);

// All of these take well-formed UTF-8 and give back the piece itself where nothing changes.

/// One of the four normal forms (`kind`: nfc, nfd, nfkc, nfkd). A character's bytes come from where the character, or
/// the first of those it is composed of, stood.
[[nodiscard]] TextPiece normalForm(const TextPiece& piece, NormalizerStep::Kind kind, TextArena& arena);
/// Character by character: no final sigma.
[[nodiscard]] TextPiece lowercased(const TextPiece& piece, TextArena& arena);
/// Without combining marks.
[[nodiscard]] TextPiece withoutMarks(const TextPiece& piece, TextArena& arena);

} // namespace kvviz::capture
