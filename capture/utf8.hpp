// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Walking through UTF-8 one character at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kvviz::capture {

/// Bytes of the well-formed character at the start of `text`, 0 if there is none.
[[nodiscard]] std::size_t characterLength(std::string_view text);
/// As characterLength(), but 1 for a stray byte; `text` must not be empty.
[[nodiscard]] std::size_t stepLength(std::string_view text);
/// The code point of a well-formed character.
[[nodiscard]] char32_t codePointOf(std::string_view character);
void appendCodePoint(std::string& text, char32_t codePoint);
/// The property White_Space.
[[nodiscard]] bool isWhiteSpace(char32_t codePoint);
/// The character that ends at the end of `text`: 0 bytes if there is none.
[[nodiscard]] std::string_view lastCharacter(std::string_view text);

} // namespace kvviz::capture
