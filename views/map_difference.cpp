// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/map_difference.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::plot {

using core::Error;
using core::ErrorCode;

Comparison compareCaptures(const core::CaptureInfo& a, const core::CaptureInfo& b)
{
    Comparison comparison;
    comparison.tokens = std::min(a.nPrompt(), b.nPrompt());
    comparison.steps = a.nPrompt() == b.nPrompt() ? std::min(a.nGenerated(), b.nGenerated()) : 0;
    const auto same = std::mismatch(a.tokens.ids.begin(), a.tokens.ids.begin() + comparison.tokens,
                                    b.tokens.ids.begin());
    const std::int64_t differ = same.first - a.tokens.ids.begin();
    if (a.nPrompt() != b.nPrompt())
        comparison.note = fmt::format("A has {} prompt tokens, B {}: the first {} positions are compared", a.nPrompt(),
                                      b.nPrompt(), comparison.tokens);
    if (differ < comparison.tokens)
        comparison.note += fmt::format("{}tokens differ from position {} on: compared by position",
                                       comparison.note.empty() ? "" : "; ", differ);
    return comparison;
}

core::Span commonQueries(const MapSource& a, const MapSource& b)
{
    const core::Span ofA = a.queries(), ofB = b.queries();
    const core::Span both{std::max(ofA.begin, ofB.begin), std::min(ofA.end, ofB.end)};
    if (both.empty())
        throw Error(ErrorCode::usage,
                    fmt::format("the maps of '{}' and '{}' have no query in common: of {} compared positions, A holds "
                                "the rows from {} on, B from {} on; capture both with --tier map",
                                a.reader->name(), b.reader->name(), a.tokens, ofA.begin, ofB.begin));
    return both;
}

io::MapTile differenceTile(const io::MapTile& a, const io::MapTile& b)
{
    if (a.rows != b.rows || a.columns != b.columns || a.keyBegin != b.keyBegin || a.queryBegin != b.queryBegin
        || a.keyEnd != b.keyEnd || a.queryEnd != b.queryEnd)
        throw Error(ErrorCode::failure, "a difference of maps needs tiles of one grid");
    io::MapTile difference = a;
    if (a.source != b.source)
        difference.source = a.source + " \u2212 " + b.source;
    for (std::size_t i = 0; i < difference.values.size(); ++i)
        difference.values[i] -= b.values[i];
    return difference;
}

} // namespace kvviz::plot
