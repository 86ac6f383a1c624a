// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Position lists are ascending throughout.
#include "compress/kept_sets.hpp"

#include <algorithm>
#include <numeric>

namespace kvviz::compress {

std::vector<std::int32_t> positionRange(std::int64_t begin, std::int64_t end)
{
    std::vector<std::int32_t> positions(static_cast<std::size_t>(std::max<std::int64_t>(0, end - begin)));
    std::iota(positions.begin(), positions.end(), static_cast<std::int32_t>(begin));
    return positions;
}

LayerPlan keepAll(const LayerInput& input)
{
    return sharedPlan(input, TopK{positionRange(0, input.data.n), 0});
}

namespace {

TopK withTail(TopK best, std::int64_t tail, std::int64_t n)
{
    for (std::int64_t position = n - tail; position < n; ++position)
        best.positions.push_back(static_cast<std::int32_t>(position));
    return best;
}

} // namespace

TopK topAndTail(std::span<const double> scores, std::int64_t n, std::int64_t capacity)
{
    const std::int64_t tail = n - std::ssize(scores);
    return capacity <= tail ? TopK{positionRange(n - capacity, n), 0} : withTail(topK(scores, capacity - tail), tail, n);
}

TopK topAndTail(const Ranking& ranking, std::int64_t n, std::int64_t capacity)
{
    const std::int64_t tail = n - std::ssize(ranking.order);
    return capacity <= tail ? TopK{positionRange(n - capacity, n), 0} : withTail(topOf(ranking, capacity - tail), tail, n);
}

LayerPlan sharedPlan(const LayerInput& input, const TopK& chosen)
{
    LayerPlan plan;
    plan.layer = input.data.layer;
    plan.kept.assign(static_cast<std::size_t>(input.data.heads.kvHeads()), chosen.positions);
    plan.tiesAtCut = chosen.tiesAtCut;
    return plan;
}

void addHeadBudgets(LayerPlan& plan)
{
    if (plan.kept.empty())
        return;
    const auto [least, most] = std::minmax_element(plan.kept.begin(), plan.kept.end(),
                                                   [](const auto& a, const auto& b) { return a.size() < b.size(); });
    plan.facts["head_budget_min"] = static_cast<double>(least->size());
    plan.facts["head_budget_max"] = static_cast<double>(most->size());
}

void addFlag(LayerPlan& plan, std::string_view flag, bool when)
{
    if (when && std::find(plan.flags.begin(), plan.flags.end(), flag) == plan.flags.end())
        plan.flags.emplace_back(flag);
}

} // namespace kvviz::compress
