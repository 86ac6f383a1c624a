// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/token_lines.hpp"

#include <algorithm>

namespace kvviz::plot {

TokenLayout breakLines(const std::vector<float>& widths, const std::vector<std::uint8_t>& breaksAfter,
                       const std::vector<core::Span>& segments, const LineOptions& options)
{
    TokenLayout layout;
    const auto count = std::ssize(widths);
    double x = 0;
    bool fresh = true; // the next token begins a line
    std::size_t next = 0;
    int current = -1;
    for (std::int64_t token = 0; token < count; ++token) {
        while (next < segments.size() && (segments[next].empty() || segments[next].end <= token))
            ++next;
        const bool inside = next < segments.size() && segments[next].contains(token);
        const int segment = inside ? static_cast<int>(next) : -1;
        const bool starts = segment != current;
        const auto width = static_cast<double>(widths[static_cast<std::size_t>(token)]);
        if (fresh || starts || x + width > options.width) {
            const double gap = starts && !layout.lines.empty() ? options.segmentGap : 0.0;
            layout.lines.push_back({{token, token}, segment, starts && segment >= 0, layout.height + gap});
            layout.height += gap + options.lineHeight;
            x = 0;
        }
        current = segment;
        layout.lines.back().tokens.end = token + 1;
        x += width;
        fresh = breaksAfter[static_cast<std::size_t>(token)] != 0;
    }
    return layout;
}

std::size_t lineOfToken(const TokenLayout& layout, std::int64_t token)
{
    const auto after =
        std::upper_bound(layout.lines.begin(), layout.lines.end(), token,
                         [](std::int64_t wanted, const TokenLine& line) { return wanted < line.tokens.begin; });
    return static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, after - layout.lines.begin() - 1));
}

std::size_t lineAt(const TokenLayout& layout, double y)
{
    const auto after = std::upper_bound(layout.lines.begin(), layout.lines.end(), y,
                                        [](double wanted, const TokenLine& line) { return wanted < line.top; });
    return static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, after - layout.lines.begin() - 1));
}

} // namespace kvviz::plot
