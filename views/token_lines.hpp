// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Tokens broken into lines as text is: at the width, after a newline, and where a segment begins. Pure geometry.
#pragma once

#include "core/span.hpp"

#include <cstdint>
#include <vector>

namespace kvviz::plot {

struct TokenLine {
    core::Span tokens;
    int segment = -1;           ///< index of the segment that holds its tokens; -1: none
    bool startsSegment = false; ///< its first line
    double top = 0;             ///< of the line, from the top of the text
};

struct TokenLayout {
    std::vector<TokenLine> lines; ///< in order; they hold every token once
    double height = 0;
};

struct LineOptions {
    double width = 100;
    double lineHeight = 24;
    double segmentGap = 6; ///< above the first line of each segment but the first line of all
};

/// `widths` [T]; `breaksAfter` [T]: nonzero after a newline; `segments` in ascending order, empty ones allowed. A token
/// that is wider than the line stands alone.
[[nodiscard]] TokenLayout breakLines(const std::vector<float>& widths, const std::vector<std::uint8_t>& breaksAfter,
                                     const std::vector<core::Span>& segments, const LineOptions& options);

/// Index of the line that holds `token`, or the line at height `y`; clamped. There must be lines.
[[nodiscard]] std::size_t lineOfToken(const TokenLayout& layout, std::int64_t token);
[[nodiscard]] std::size_t lineAt(const TokenLayout& layout, double y);

} // namespace kvviz::plot
