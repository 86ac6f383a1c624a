// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The byte alphabet as two tables. Its characters lie below U+0800, so each takes one or two bytes of UTF-8.
#include "capture/byte_level.hpp"

#include <array>

namespace kvviz::capture {
namespace {

constexpr std::size_t kCodePoints = 0x144; // the last of the 68 shifted bytes is U+0143

struct Alphabet {
    std::array<std::string, 256> characters;
    std::array<int, kCodePoints> bytes; ///< by code point, -1: none

    Alphabet()
    {
        bytes.fill(-1);
        unsigned shifted = 0x100;
        for (unsigned byte = 0; byte < 256; ++byte) {
            const bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
            const unsigned codePoint = printable ? byte : shifted++;
            bytes[codePoint] = static_cast<int>(byte);
            if (codePoint < 0x80)
                characters[byte] = {static_cast<char>(codePoint)};
            else
                characters[byte] = {static_cast<char>(0xc0 | (codePoint >> 6)),
                                    static_cast<char>(0x80 | (codePoint & 0x3f))};
        }
    }
};

const Alphabet& alphabet()
{
    static const Alphabet table;
    return table;
}

} // namespace

const std::string& byteLevelCharacter(unsigned char byte)
{
    return alphabet().characters[byte];
}

std::optional<std::string> bytesOfByteLevel(std::string_view text)
{
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned codePoint = static_cast<unsigned char>(text[i]);
        if (codePoint >= 0x80) { // two bytes, or not in the alphabet
            if ((codePoint & 0xe0u) != 0xc0u || i + 1 == text.size())
                return std::nullopt;
            codePoint = ((codePoint & 0x1fu) << 6) | (static_cast<unsigned char>(text[++i]) & 0x3fu);
        }
        if (codePoint >= kCodePoints || alphabet().bytes[codePoint] < 0)
            return std::nullopt;
        result += static_cast<char>(alphabet().bytes[codePoint]);
    }
    return result;
}

} // namespace kvviz::capture
