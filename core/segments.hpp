// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Named pieces of a prompt: instruction, shots, question, answer. The same type marks byte spans of a text
// (datasets) and token spans of a capture.
#pragma once

#include "core/span.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::core {

enum class SegmentKind : std::uint8_t { bos, system, instruction, shot, question, answer, generated };

/// "bos", "system", ... as written to files.
[[nodiscard]] std::string_view segmentKindName(SegmentKind kind);
/// The inverse; nullopt for an unknown name.
[[nodiscard]] std::optional<SegmentKind> segmentKindFromName(std::string_view name);

struct Segment {
    SegmentKind kind = SegmentKind::question;
    int index = 0; ///< number within its kind: shot 0, 1, ...
    Span span;     ///< bytes of the text, or tokens
    std::string label;

    friend bool operator==(const Segment&, const Segment&) = default;
};

/// Turns byte segments of a text into token segments. `tokenBegin[i]` is the byte where token i starts (ascending).
/// A token belongs to the segment that holds its first byte; a segment may come out empty (it is kept, so that
/// shot numbers stay). Tokens before `firstToken` (a BOS that has no text) are not assigned.
[[nodiscard]] std::vector<Segment> toTokenSegments(const std::vector<Segment>& byteSegments,
                                                   const std::vector<std::int64_t>& tokenBegin,
                                                   std::int64_t firstToken = 0);

} // namespace kvviz::core
