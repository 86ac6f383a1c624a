// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// GPT-2's byte alphabet: vocabularies write each byte as one printable character (the space as "Ġ"), so that tokens are
// valid text. 188 bytes stand for themselves, the others are shifted to U+0100 and up in order.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kvviz::capture {

/// The character (UTF-8) that stands for a byte.
[[nodiscard]] const std::string& byteLevelCharacter(unsigned char byte);
/// The bytes a vocabulary entry stands for; nothing when a character is not in the alphabet.
[[nodiscard]] std::optional<std::string> bytesOfByteLevel(std::string_view text);

} // namespace kvviz::capture
