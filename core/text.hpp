// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Small text helpers shared by every layer: UTF-8 display of raw bytes, human sizes, parts of lists, nearest names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::core {

/// Bytes as valid UTF-8 for people: newline as "↵", tab as "⇥", other control bytes and broken UTF-8 as "<0A>" (hex).
[[nodiscard]] std::string displayBytes(std::string_view bytes);
/// What somebody gave, for a message: as displayBytes, and of more than `most` bytes only the two ends, with how many are
/// left out between them: "aaaa...(2880 bytes)...aaaa". Characters stay whole.
[[nodiscard]] std::string shown(std::string_view bytes, std::size_t most = 120);
/// True if the bytes are well-formed UTF-8 (no overlongs, no surrogates).
[[nodiscard]] bool isUtf8(std::string_view bytes);
/// "94.1 MB" (decimal units).
[[nodiscard]] std::string humanBytes(std::uint64_t bytes);
/// `text` without any of `blanks` at its ends.
[[nodiscard]] std::string_view trimmed(std::string_view text, std::string_view blanks = " \t\r\n");
/// What stands between the separators; one part more than there are separators, empty ones included.
[[nodiscard]] std::vector<std::string_view> splitAt(std::string_view text, char separator);
/// The candidate with the smallest edit distance to `name`, or empty when none is near (distance > 1/2 of its length).
[[nodiscard]] std::string nearestName(std::string_view name, const std::vector<std::string>& candidates);

} // namespace kvviz::core
