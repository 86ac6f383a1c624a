// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Names of segments and the step from bytes to tokens.
#include "core/segments.hpp"

#include <algorithm>
#include <array>

namespace kvviz::core {
namespace {
constexpr std::array<std::string_view, 7> kNames{"bos",  "system", "instruction", "shot",
                                                 "question", "answer", "generated"};
}

std::string_view segmentKindName(SegmentKind kind)
{
    return kNames.at(static_cast<std::size_t>(kind));
}

std::optional<SegmentKind> segmentKindFromName(std::string_view name)
{
    const auto found = std::find(kNames.begin(), kNames.end(), name);
    if (found == kNames.end())
        return std::nullopt;
    return static_cast<SegmentKind>(found - kNames.begin());
}

std::vector<Segment> toTokenSegments(const std::vector<Segment>& byteSegments,
                                     const std::vector<std::int64_t>& tokenBegin, std::int64_t firstToken)
{
    const auto first = tokenBegin.begin() + std::min<std::int64_t>(firstToken, std::ssize(tokenBegin));
    std::vector<Segment> result = byteSegments;
    for (Segment& segment : result) {
        const auto from = std::lower_bound(first, tokenBegin.end(), segment.span.begin);
        const auto to = std::lower_bound(from, tokenBegin.end(), segment.span.end);
        segment.span = {from - tokenBegin.begin(), to - tokenBegin.begin()};
    }
    return result;
}

} // namespace kvviz::core
