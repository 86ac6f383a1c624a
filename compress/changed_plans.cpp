// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Bookkeeping around ChangedCache.
#include "compress/changed_plans.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

namespace kvviz::compress {

LayerPlan planOver(const LayerInput& input)
{
    if (!input.base)
        return keepAll(input);
    LayerPlan plan;
    plan.layer = input.base->layer;
    plan.kept = input.base->kept;
    plan.keptDecode = input.base->keptDecode;
    return plan;
}

std::vector<std::int32_t> cacheOrder(const core::LayerData& data, std::span<const std::int32_t> kept)
{
    std::vector<std::int32_t> order(kept.begin(), kept.end());
    order.resize(kept.size() + static_cast<std::size_t>(data.t));
    std::iota(order.begin() + std::ssize(kept), order.end(), static_cast<std::int32_t>(data.n));
    return order;
}

double fullBytes(const LayerPlan& plan, int headDim)
{
    double tokens = 0;
    for (const auto& kept : plan.kept)
        tokens += static_cast<double>(kept.size());
    return tokens * headDim * 4;
}

ChangedCache unseenChange(const core::LayerData& data, bool keys, bool values)
{
    const auto tokens = static_cast<std::size_t>(data.heads.kvHeads() * data.total());
    const auto never = static_cast<std::int32_t>(data.t);
    ChangedCache change;
    if (keys) {
        change.key = data.key;
        change.keyFrom.assign(tokens, never);
    }
    if (values) {
        change.value = data.value;
        change.valueFrom.assign(tokens, never);
    }
    return change;
}

void setChange(LayerPlan& plan, ChangedCache change, std::int64_t decodeSteps)
{
    const auto dropUnseen = [decodeSteps](std::vector<float>& forms, std::vector<std::int32_t>& from) {
        if (std::all_of(from.begin(), from.end(), [decodeSteps](std::int32_t step) { return step >= decodeSteps; })) {
            forms = {};
            from = {};
        }
    };
    dropUnseen(change.key, change.keyFrom);
    dropUnseen(change.value, change.valueFrom);
    if (!change.key.empty() || !change.value.empty())
        plan.changed = std::make_shared<const ChangedCache>(std::move(change));
}

const core::CaptureInfo& requireInfo(const LayerInput& input, std::string_view who)
{
    if (!input.info)
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("{}: needs the description of the capture's model, which was not given", who));
    return *input.info;
}

std::shared_ptr<const core::LayerData> layerNumbered(const LayerInput& input, const core::CaptureInfo& info, int layer,
                                                     core::Need needs)
{
    const auto found = std::find(info.layers.begin(), info.layers.end(), layer);
    if (!input.otherLayer || found == info.layers.end())
        return nullptr;
    return input.otherLayer(found - info.layers.begin(), needs);
}

} // namespace kvviz::compress
