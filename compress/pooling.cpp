// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Windows are summed one by one, not by running sums: equal inputs must stay exactly equal, because ties are decided
// by position.
#include "compress/pooling.hpp"

#include "core/error.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace kvviz::compress {

Pool poolFromName(std::string_view name)
{
    if (name == "none")
        return Pool::none;
    if (name == "avg")
        return Pool::average;
    if (name == "max")
        return Pool::maximum;
    throw core::Error(core::ErrorCode::usage, fmt::format("unknown pooling '{}'; expected none, avg or max", name));
}

std::vector<double> pool1d(std::span<const double> scores, int kernel, Pool pool)
{
    if (kernel < 1 || kernel % 2 == 0)
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("a pooling kernel of {} is not possible; give an odd number", kernel));
    std::vector<double> pooled(scores.begin(), scores.end());
    if (pool == Pool::none || kernel == 1)
        return pooled;
    const std::int64_t count = std::ssize(scores);
    const std::int64_t half = kernel / 2;
    for (std::int64_t i = 0; i < count; ++i) {
        const auto from = scores.begin() + std::max<std::int64_t>(0, i - half);
        const auto to = scores.begin() + std::min(count, i + half + 1);
        double& out = pooled[static_cast<std::size_t>(i)];
        if (pool == Pool::maximum) {
            out = *std::max_element(from, to);
        } else {
            double total = 0;
            for (auto score = from; score != to; ++score)
                total += *score;
            out = total / kernel;
        }
    }
    return pooled;
}

} // namespace kvviz::compress
