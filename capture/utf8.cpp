// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Characters of UTF-8; what is well-formed is said by core::isUtf8 alone.
#include "capture/utf8.hpp"

#include "core/text.hpp"

#include <algorithm>

namespace kvviz::capture {

std::size_t characterLength(std::string_view text)
{
    if (text.empty())
        return 0;
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead < 0x80)
        return 1;
    const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return length <= text.size() && core::isUtf8(text.substr(0, length)) ? length : 0;
}

std::size_t stepLength(std::string_view text) { return std::max<std::size_t>(characterLength(text), 1); }

char32_t codePointOf(std::string_view character)
{
    constexpr unsigned char kLeadBits[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    char32_t result = static_cast<unsigned char>(character[0]) & kLeadBits[character.size()];
    for (const char byte : character.substr(1))
        result = result << 6 | (static_cast<unsigned char>(byte) & 0x3fu);
    return result;
}

void appendCodePoint(std::string& text, char32_t codePoint)
{
    const auto tail = [&](int shift) { text += static_cast<char>(0x80 | (codePoint >> shift & 0x3f)); };
    if (codePoint < 0x80) {
        text += static_cast<char>(codePoint);
    } else if (codePoint < 0x800) {
        text += static_cast<char>(0xc0 | codePoint >> 6);
        tail(0);
    } else if (codePoint < 0x10000) {
        text += static_cast<char>(0xe0 | codePoint >> 12);
        tail(6), tail(0);
    } else {
        text += static_cast<char>(0xf0 | codePoint >> 18);
        tail(12), tail(6), tail(0);
    }
}

bool isWhiteSpace(char32_t c)
{
    return (c >= 0x9 && c <= 0xd) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a)
           || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

std::string_view lastCharacter(std::string_view text)
{
    for (std::size_t length = 1; length <= std::min<std::size_t>(4, text.size()); ++length) {
        const std::string_view tail = text.substr(text.size() - length);
        if (characterLength(tail) == length)
            return tail;
    }
    return {};
}

} // namespace kvviz::capture
