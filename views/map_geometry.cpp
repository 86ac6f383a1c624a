// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/map_geometry.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::plot {

using core::Span;

namespace {

Span startingAt(std::int64_t begin, std::int64_t size, Span all)
{
    const std::int64_t first = std::clamp(begin, all.begin, all.end - size);
    return {first, first + size};
}

} // namespace

Span zoomed(Span visible, double center, double factor, Span all)
{
    const double wanted =
        std::clamp(static_cast<double>(visible.size()) * factor,
                   static_cast<double>(std::min(kLeastVisible, all.size())), static_cast<double>(all.size()));
    const double share = (center - static_cast<double>(visible.begin)) / static_cast<double>(visible.size());
    return startingAt(std::llround(center - share * wanted), std::llround(wanted), all);
}

Span shifted(Span visible, double tokens, Span all)
{
    return startingAt(visible.begin + std::llround(tokens), std::min(visible.size(), all.size()), all);
}

Span scrolledTo(Span visible, std::int64_t token, Span all)
{
    if (visible.contains(token))
        return visible;
    const std::int64_t size = std::min(visible.size(), all.size());
    return startingAt(token < visible.begin ? token : token + 1 - size, size, all);
}

Span between(double from, double to, Span all)
{
    const auto begin = static_cast<std::int64_t>(std::floor(std::min(from, to)));
    const auto end = static_cast<std::int64_t>(std::ceil(std::max(from, to)));
    const std::int64_t size = std::clamp(end - begin, std::min(kLeastVisible, all.size()), all.size());
    return startingAt(begin + (end - begin - size) / 2, size, all);
}

} // namespace kvviz::plot
