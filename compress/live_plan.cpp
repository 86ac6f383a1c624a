// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Methods that change keys and values say from which decode step on queries see the changed form, so they are shown one
// decode step; it has no content, and what it would see first is what a running model gets.
#include "compress/live_plan.hpp"

#include "compress/layer_prep.hpp"
#include "compress/memo.hpp"
#include "compress/method_base.hpp"
#include "compress/online_steps.hpp"
#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::compress {
namespace {

using core::Need;

/// Rows of `width` become rows of one more, which is zero.
void widen(std::vector<float>& array, std::int64_t width)
{
    if (width == 0)
        return;
    std::vector<float> wider;
    wider.reserve(array.size() + array.size() / static_cast<std::size_t>(width));
    for (auto row = array.begin(); row != array.end(); row += width) {
        wider.insert(wider.end(), row, row + width);
        wider.push_back(0.0F);
    }
    array = std::move(wider);
}

/// Blocks of `rows` rows of d numbers become blocks of one more row of zeros.
void addRow(std::vector<float>& array, std::int64_t rows, std::int64_t d)
{
    std::vector<float> longer;
    for (auto block = array.begin(); block != array.end(); block += rows * d) {
        longer.insert(longer.end(), block, block + rows * d);
        longer.insert(longer.end(), static_cast<std::size_t>(d), 0.0F);
    }
    array = std::move(longer);
}

/// The layer with a decode step that looks at itself only and has zeros for key, value and query.
core::LayerData withEmptyStep(core::LayerData data, Need needs)
{
    for (std::vector<float>* array : {&data.received, &data.receivedWindow, &data.receivedSq, &data.receivedSqFar,
                                      &data.entropy, &data.sinkMass})
        widen(*array, array->empty() ? 0 : data.n);
    if (!data.key.empty())
        addRow(data.key, data.n, data.headDim);
    if (!data.value.empty())
        addRow(data.value, data.n, data.headDim);
    if (!data.query.empty())
        addRow(data.query, data.w, data.headDim);
    data.t = 1;
    if (core::includes(needs, Need::decodeRows)) {
        std::vector<float> row(static_cast<std::size_t>(data.total()), 0.0F);
        row.back() = 1.0F;
        for (int head = 0; head < data.heads.queryHeads(); ++head)
            data.decodeRows.insert(data.decodeRows.end(), row.begin(), row.end());
    }
    return data;
}

/// Is part of the prompt compressed later than the first step?
bool compressesLater(const ChangedCache& changed, std::int64_t n, std::int64_t total)
{
    for (const std::vector<std::int32_t>* from : {&changed.keyFrom, &changed.valueFrom})
        for (std::size_t i = 0; i < from->size(); ++i)
            if (static_cast<std::int64_t>(i) % total < n && (*from)[i] > 0)
                return true;
    return false;
}

} // namespace

/// Pairs whose methods change keys and values, or those whose do not.
struct LivePlanner::Group {
    bool changing = false;
    std::vector<std::size_t> pairs;
    std::vector<Candidate*> candidates;
    Need needs = Need::none;
};

const std::vector<std::vector<std::int32_t>>& LivePlan::kept() const { return startKeys(plan, rules); }

LivePlanner::LivePlanner(LiveRequest request)
    : m_request(std::move(request)), m_candidates(makeCandidates(m_request.methods))
{
    for (const Budget& budget : m_request.budgets)
        budget.validate();
    for (std::size_t i = 0; i < m_candidates.size(); ++i) {
        const Method& method = *m_candidates[i].method;
        if (const std::string why = method.liveObstacle(); !why.empty())
            throw core::Error(core::ErrorCode::usage,
                              fmt::format("{} cannot run inside a generating model: {}", m_request.methods[i], why));
        const std::vector<Budget> itself{Budget{}};
        for (const Budget& budget : method.budgetUse() == BudgetUse::follows ? m_request.budgets : itself) {
            m_pairs.push_back({&method, budget});
            m_candidateOf.push_back(i);
        }
    }
}

std::vector<std::string> LivePlanner::obstacles(const core::CaptureSource& prompt) const
{
    std::vector<std::string> reasons;
    for (const LivePair& pair : m_pairs) {
        std::string reason = pair.method->obstacle(prompt.info(), m_request.tables.get());
        const Need needs = pair.method->promptNeeds();
        if (reason.empty() && !core::includes(prompt.available(), needs))
            reason = "needs " + core::needNames(core::without(needs, prompt.available()));
        reasons.push_back(std::move(reason));
    }
    return reasons;
}

void LivePlanner::run(const core::CaptureSource& prompt, std::span<const std::size_t> chosen, const Sink& sink,
                      const core::Progress& progress)
{
    for (const bool changing : {false, true}) {
        Group group;
        group.changing = changing;
        for (const std::size_t pair : chosen) {
            Candidate& candidate = m_candidates[m_candidateOf.at(pair)];
            if (changesCache(candidate.method->info()) != changing)
                continue;
            group.pairs.push_back(pair);
            group.needs = group.needs | (changing ? candidate.method->needs() : candidate.method->promptNeeds());
            if (std::find(group.candidates.begin(), group.candidates.end(), &candidate) == group.candidates.end())
                group.candidates.push_back(&candidate);
        }
        if (!group.pairs.empty())
            runGroup(group, prompt, sink, progress);
    }
}

void LivePlanner::runGroup(Group& group, const core::CaptureSource& prompt, const Sink& sink,
                           const core::Progress& progress)
{
    const auto load = [&](std::int64_t slot, Need needs) {
        core::LayerData data = prompt.loadLayer(slot, needs);
        renormaliseRows(data);
        return group.changing ? withEmptyStep(std::move(data), needs) : data;
    };
    Planning planning(prompt, m_request.tables, m_request.seed, load);
    for (Candidate* candidate : group.candidates)
        candidate->survey = candidate->method->makeSurvey();
    planning.survey(group.candidates, group.needs, m_request.threads, progress);
    std::vector<std::vector<LayerPlan>> earlier(group.pairs.size());
    const auto layers = std::ssize(prompt.info().layers);
    for (std::int64_t slot = 0; slot < layers; ++slot) {
        progress.throwIfStopped();
        const core::LayerData data = load(slot, group.needs | Need::keys | Need::values);
        LayerMemo memo;
        const LayerInput shared = planning.input(data, slot, memo);
        parallelFor(std::ssize(group.pairs), m_request.threads, progress, [&](std::int64_t i) {
            const auto at = static_cast<std::size_t>(i);
            const LivePair& pair = m_pairs[group.pairs[at]];
            LayerInput input = shared;
            input.survey = m_candidates[m_candidateOf[group.pairs[at]]].survey.get();
            input.earlier = earlier[at];
            LivePlan live;
            live.plan = pair.method->plan(input, pair.budget);
            live.plan.keptDecode.clear();
            live.rules = pair.method->stepRules(input, live.plan, pair.budget);
            if (live.plan.changed && compressesLater(*live.plan.changed, data.n, data.total()))
                live.plan.flags.emplace_back("later_tokens_uncompressed");
            LayerPlan bare = live.plan;
            bare.changed.reset();
            earlier[at].push_back(std::move(bare));
            sink(data, group.pairs[at], std::move(live));
        });
    }
    for (Candidate* candidate : group.candidates)
        candidate->survey.reset();
}

} // namespace kvviz::compress
