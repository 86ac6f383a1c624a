// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Base64 (RFC 4648) to bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kvviz::capture {

/// Nothing for a text that is not base64. Padding may be missing.
[[nodiscard]] inline std::optional<std::string> fromBase64(std::string_view text)
{
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    while (text.ends_with('='))
        text.remove_suffix(1);
    std::string bytes;
    unsigned buffer = 0;
    int bits = 0;
    for (const char c : text) {
        const std::size_t digit = kDigits.find(c);
        if (digit == std::string_view::npos)
            return std::nullopt;
        buffer = (buffer << 6 | static_cast<unsigned>(digit)) & 0xffffu;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes += static_cast<char>(buffer >> bits & 0xffu);
        }
    }
    return bytes;
}

} // namespace kvviz::capture
