// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How the text of a token becomes the bytes that it stands for in decoded text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::capture {

/// The text with each `what` (not empty) as `with`; nothing if that is longer than `most`.
[[nodiscard]] std::optional<std::string> replacedAll(std::string_view text, std::string_view what, std::string_view with,
                                                     std::size_t most = std::string::npos);

struct TokenDecoder {
    struct Replacement {
        std::string what, with;
        bool goneInFirst = false; ///< the first token of a text loses it instead
    };

    std::string place;         ///< of the file, for messages
    bool byteLevel = false;    ///< characters of the byte alphabet
    bool byteFallback = false; ///< <0x0A> is a byte
    std::vector<Replacement> replacements;

    /// Throws Error(badInput) for what would be longer than 64 KiB.
    [[nodiscard]] std::string bytesOf(const std::string& text, bool isFirst = false) const;
    /// Does the first token of a text stand for something else than the same one later?
    [[nodiscard]] bool treatsFirst() const;
};

} // namespace kvviz::capture
