// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Mean, maximum or sum over a group of heads.
#include "compress/head_groups.hpp"

#include "core/error.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace kvviz::compress {

Reduce reduceFromName(std::string_view name)
{
    if (name == "mean")
        return Reduce::mean;
    if (name == "max")
        return Reduce::max;
    if (name == "sum")
        return Reduce::sum;
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("unknown reduction over heads '{}'; expected mean, max or sum", name));
}

std::vector<double> reduceScores(std::span<const std::vector<double>> lists, Reduce reduce)
{
    std::vector<double> result = lists.front();
    for (const std::vector<double>& list : lists.subspan(1))
        for (std::size_t i = 0; i < result.size(); ++i)
            result[i] = reduce == Reduce::max ? std::max(result[i], list[i]) : result[i] + list[i];
    if (reduce == Reduce::mean)
        for (double& value : result)
            value /= static_cast<double>(lists.size());
    return result;
}

} // namespace kvviz::compress
