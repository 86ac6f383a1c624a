// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/kept_data.hpp"

#include "views/map_image.hpp"
#include "views/method_family.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::plot {

namespace {

using compress::LayerPlan;

/// Keys of one KV head as the query of a step (-1: the end of prefill) finds them. [total]
std::vector<KeyState> keysOf(const LayerPlan& plan, const KeptRequest& request, std::size_t kvHead, std::int64_t step,
                             std::int64_t total)
{
    std::vector<KeyState> keys(static_cast<std::size_t>(total), KeyState::absent);
    const std::int64_t judged = std::min(request.n + request.t, total);
    const std::int64_t seen = std::min(step < 0 ? request.n : request.n + step + 1, judged);
    if (step >= 0 && !plan.keptDecode.empty()) {
        const auto row = plan.keptDecode.begin()
                         + (static_cast<std::int64_t>(kvHead) * request.t + step) * (request.n + request.t);
        std::transform(row, row + seen, keys.begin(),
                       [](std::uint8_t kept) { return kept != 0 ? KeyState::kept : KeyState::evicted; });
        return keys;
    }
    std::fill_n(keys.begin(), std::min(request.n, seen), KeyState::evicted);
    std::fill(keys.begin() + std::min(request.n, seen), keys.begin() + seen, KeyState::kept);
    for (const std::int32_t position : plan.kept.at(kvHead))
        if (position < seen)
            keys[static_cast<std::size_t>(position)] = KeyState::kept;
    return keys;
}

void joinInto(std::vector<KeyState>& together, const std::vector<KeyState>& keys)
{
    for (std::size_t k = 0; k < keys.size(); ++k)
        if (together[k] != KeyState::kept && keys[k] != KeyState::absent)
            together[k] = keys[k];
}

std::string labelOf(const LayerPlan& plan, const KeptRequest& request, const std::vector<std::size_t>& kvHeads,
                    const std::vector<KeptRow>& rows)
{
    const auto method = compress::makeMethod(request.method);
    MethodName name;
    name.method = method->info().name;
    name.variant = method->params().variant();
    std::string called = methodLabel(name);
    if (method->budgetUse() == compress::BudgetUse::follows)
        called += request.budget.tokens ? fmt::format(", {} tokens", *request.budget.tokens)
                                        : fmt::format(", ratio {:.3g}", request.budget.ratio);
    std::int64_t kept = 0, there = 0;
    for (const KeptRow& row : rows) {
        kept += std::count(row.keys.begin(), row.keys.end(), KeyState::kept);
        there += static_cast<std::int64_t>(row.keys.size())
                 - std::count(row.keys.begin(), row.keys.end(), KeyState::absent);
    }
    const std::string when = request.step < 0 ? "" : fmt::format(" at decode step {}", request.step + 1);
    if (kept == there && plan.changed)
        return fmt::format("{}: changes keys or values, evicts none{}", called, when);
    if (kvHeads.size() == 1)
        return fmt::format("{}: {} of {} keys kept{}", called, kept, there, when);
    return fmt::format("{}: {:.1f} % of the keys of {} KV heads kept{}", called,
                       100.0 * static_cast<double>(kept) / static_cast<double>(std::max<std::int64_t>(1, there)),
                       kvHeads.size(), when);
}

} // namespace

KeptMarks keptMarks(const LayerPlan& plan, const core::CaptureInfo& info, const KeptRequest& request)
{
    const std::vector<int> numbers = info.kvHeads();
    const std::int64_t total = info.nTokens();
    KeptRequest possible = request;
    possible.step = std::min(request.step, request.t - 1);
    std::vector<std::size_t> kvHeads;
    for (std::size_t g = 0; g < plan.kept.size(); ++g)
        if (!request.head || static_cast<std::size_t>(info.headMap().kvHeadOf(*request.head)) == g)
            kvHeads.push_back(g);
    KeptMarks marks;
    marks.together.assign(static_cast<std::size_t>(total), KeyState::absent);
    for (const std::size_t g : kvHeads) {
        marks.rows.push_back({fmt::format("KV {}", numbers.at(g)), keysOf(plan, request, g, possible.step, total)});
        joinInto(marks.together, marks.rows.back().keys);
    }
    const bool ownRows = info.nGenerated() > 0 && request.n == info.nPrompt(); // else the later queries are no strip
    if (!plan.keptDecode.empty() && ownRows) {
        marks.steps = request.t;
        for (std::int64_t i = 0; i < request.t; ++i) {
            std::vector<KeyState> row(static_cast<std::size_t>(total), KeyState::absent);
            for (const std::size_t g : kvHeads)
                joinInto(row, keysOf(plan, request, g, i, total));
            marks.decode.insert(marks.decode.end(), row.begin(), row.end());
        }
    }
    marks.label = labelOf(plan, possible, kvHeads, marks.rows);
    return marks;
}

std::vector<KeptShare> keptShares(const KeyState* keys, std::int64_t count, double begin, double end, int pixels)
{
    std::vector<KeptShare> shares(static_cast<std::size_t>(pixels), KeptShare::absent);
    const auto ranges = cellsOfPixels(begin, end, pixels, 0, static_cast<double>(count), count);
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        bool kept = false, evicted = false;
        for (std::int64_t k = ranges[i].begin; k < ranges[i].end; ++k) {
            kept = kept || keys[k] == KeyState::kept;
            evicted = evicted || keys[k] == KeyState::evicted;
        }
        if (kept || evicted)
            shares[i] = kept && evicted ? KeptShare::some : kept ? KeptShare::all : KeptShare::none;
    }
    return shares;
}

} // namespace kvviz::plot
