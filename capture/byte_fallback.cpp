// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Names of byte tokens, in upper-case hexadecimal.
#include "capture/byte_fallback.hpp"

namespace kvviz::capture {

std::optional<unsigned char> namedByte(std::string_view text)
{
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>')
        return std::nullopt;
    const std::size_t high = kDigits.find(text[3]), low = kDigits.find(text[4]);
    if (high == std::string_view::npos || low == std::string_view::npos)
        return std::nullopt;
    return static_cast<unsigned char>(high * 16 + low);
}

std::array<std::int32_t, 256> fallbackTokens(const TokenizerDescription& description)
{
    std::array<std::int32_t, 256> tokens{};
    tokens.fill(-1);
    for (std::size_t i = 0; i < description.pieces.size(); ++i)
        if (const auto byte = namedByte(description.pieces[i]); byte && tokens[*byte] < 0)
            tokens[*byte] = static_cast<std::int32_t>(i);
    return tokens;
}

} // namespace kvviz::capture
