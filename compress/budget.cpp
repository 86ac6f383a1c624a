// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Rounding of ratios to tokens.
#include "compress/budget.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace kvviz::compress {

std::int64_t keepCount(std::int64_t n, double ratio, bool compatKvpress)
{
    const auto length = static_cast<double>(n);
    if (!compatKvpress)
        return std::clamp(static_cast<std::int64_t>(std::floor(length * ratio + 1e-9)), std::int64_t{0}, n);
    // kvpress users type the removed fraction as a decimal number (0.9), so that is what we recover first.
    const double removed = std::round((1.0 - ratio) * 1e9) / 1e9;
    // It keeps at least one key unless everything is to go.
    const std::int64_t least = removed < 1 ? 1 : 0;
    return std::clamp(std::max(least, static_cast<std::int64_t>(length * (1.0 - removed))), std::int64_t{0}, n);
}

void Budget::validate() const
{
    if (tokens && *tokens < 1)
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("a budget of {} tokens is too small; give at least 1 token", *tokens));
    if (!tokens && !(ratio > 0 && ratio <= 1))
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("a ratio of {} is not possible; the ratio is the fraction of the cache that is "
                                      "kept, above 0 and up to 1",
                                      ratio));
}

std::int64_t Budget::capacity(std::int64_t n, bool compatKvpress) const
{
    validate();
    return tokens ? std::min(*tokens, n) : keepCount(n, ratio, compatKvpress);
}

double Budget::nominalRatio(std::int64_t n) const
{
    validate();
    if (!tokens)
        return ratio;
    return n > 0 ? std::min(1.0, static_cast<double>(*tokens) / static_cast<double>(n)) : 1.0;
}

} // namespace kvviz::compress
