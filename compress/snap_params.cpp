// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// "SnapKV" is several methods in the literature; window, kernel and pool name the one that is meant.
#include "compress/snap_params.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

namespace kvviz::compress {

std::vector<ParamSpec> snapParams()
{
    return {{"window", "32", "last prompt queries that score, and tokens that are always kept", {}},
            {"kernel", "7", "pooling width in tokens, odd", {}},
            {"pool", "max", "pooling over neighbouring positions", {"max", "avg", "none"}},
            {"reduce", "mean", "reduction over the query heads of a KV head", {"mean", "max", "sum"}},
            {"order", "reduce_pool", "reduce the group first, or pool each query head first",
             {"reduce_pool", "pool_reduce"}}};
}

SnapOptions snapOptions(const Params& params)
{
    SnapOptions options;
    options.window = params.integer("window", 1);
    const std::int64_t kernel = params.integer("kernel", 1);
    if (kernel % 2 == 0 || kernel > 100001)
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("a pooling kernel of {} is not possible; give an odd number of tokens", kernel));
    options.kernel = static_cast<int>(kernel);
    options.pool = poolFromName(params.text("pool"));
    options.reduce = reduceFromName(params.text("reduce"));
    options.poolFirst = params.text("order") == "pool_reduce";
    return options;
}

} // namespace kvviz::compress
