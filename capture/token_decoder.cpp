// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The steps of a decoder that look at one token alone.
#include "capture/token_decoder.hpp"

#include "capture/byte_fallback.hpp"
#include "capture/byte_level.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::capture {

std::optional<std::string> replacedAll(std::string_view text, std::string_view what, std::string_view with,
                                       std::size_t most)
{
    std::string result;
    for (std::size_t done = 0;;) {
        const std::size_t found = text.find(what, done);
        result += text.substr(done, found - done);
        if (result.size() > most)
            return std::nullopt;
        if (found == std::string_view::npos)
            return result;
        result += with;
        done = found + what.size();
    }
}

std::string TokenDecoder::bytesOf(const std::string& text, bool isFirst) const
{
    if (byteLevel)
        return bytesOfByteLevel(text).value_or(text);
    if (const auto byte = byteFallback ? namedByte(text) : std::nullopt)
        return {static_cast<char>(*byte)};
    std::string bytes = text;
    constexpr std::size_t kLongest = 65536; // a few steps can make a million characters of one
    for (const Replacement& step : replacements) {
        auto replaced = replacedAll(bytes, step.what, isFirst && step.goneInFirst ? "" : step.with, kLongest);
        if (!replaced)
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("{}: the decoder makes more than {} bytes of the token '{}'", place, kLongest,
                                          core::displayBytes(text.substr(0, 60))));
        bytes = std::move(*replaced);
    }
    return bytes;
}

bool TokenDecoder::treatsFirst() const
{
    return std::any_of(replacements.begin(), replacements.end(), [](const Replacement& r) { return r.goneInFirst; });
}

} // namespace kvviz::capture
