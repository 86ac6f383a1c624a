// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// SentencePiece's byte tokens, <0x00> to <0xFF>.
#pragma once

#include "capture/tokenizer_description.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kvviz::capture {

/// The byte that a token's text names ("<0x0A>"), if it names one.
[[nodiscard]] std::optional<unsigned char> namedByte(std::string_view text);
/// The ids of the byte tokens among the pieces, -1 where there is none.
[[nodiscard]] std::array<std::int32_t, 256> fallbackTokens(const TokenizerDescription& description);

} // namespace kvviz::capture
