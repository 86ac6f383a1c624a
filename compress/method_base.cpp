// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Size checks of a layer's arrays, the two halves of a plan, and parameters that several methods have.
#include "compress/method_base.hpp"

#include "compress/online_steps.hpp"

#include "core/error.hpp"

#include <array>

#include <fmt/format.h>

namespace kvviz::compress {

void requireArrays(const core::LayerData& data, core::Need needs, std::string_view who)
{
    using core::Need;
    const std::int64_t queryHeads = data.heads.queryHeads();
    const std::int64_t queries = queryHeads * (data.w + data.t) * data.headDim;
    const std::int64_t cache = data.heads.kvHeads() * data.total() * data.headDim;
    struct Expected {
        Need need;
        std::size_t found;
        std::int64_t expected;
    };
    const std::array<Expected, 9> table{{{Need::stats, data.received.size(), queryHeads * data.total()},
                                         {Need::windowRows, data.windowRows.size(), queryHeads * data.w * data.n},
                                         {Need::decodeRows, data.decodeRows.size(), queryHeads * data.t * data.total()},
                                         {Need::keys, data.key.size(), cache},
                                         {Need::values, data.value.size(), cache},
                                         {Need::queries, data.query.size(), queries},
                                         {Need::queryStats, data.queryCovariance.size(),
                                          queryHeads * data.headDim * data.headDim},
                                         {Need::farSquares, data.receivedSqFar.size(), queryHeads * data.total()},
                                         {Need::readout, data.written.size(), queryHeads * data.t}}};
    for (const auto& [need, found, expected] : table)
        if (core::includes(needs, need) && static_cast<std::int64_t>(found) != expected)
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("{}: the {} of layer {} must be {} numbers, but {} are loaded",
                                          who, core::needNames(need), data.layer, expected, found));
}

std::string_view budgetUseName(BudgetUse use)
{
    return use == BudgetUse::follows ? "follows" : use == BudgetUse::fixed ? "fixed" : "finds";
}

std::string Method::obstacle(const core::CaptureInfo&, const core::ModelTables*) const { return {}; }

std::vector<double> Method::scores(const LayerInput&, int) const { return {}; }

core::Need Method::promptNeeds() const { return core::without(needs(), core::Need::decodeRows); }

bool changesCache(const MethodInfo& info) { return info.klass.find_first_of("PSRQ") != std::string::npos; }

std::string Method::liveObstacle() const
{
    return usesFuture() ? "it looks at the attention of queries that are still to come" : "";
}

StepRules Method::stepRules(const LayerInput&, const LayerPlan&, const Budget&) const { return {}; }

StepRules MethodBase::decodeRules(const LayerInput&, const LayerPlan&, const Budget&) const { return {}; }

namespace {

/// Without a survey over all layers the model is this layer.
LayerInput aloneInModel(const LayerInput& input)
{
    LayerInput alone = input;
    alone.slot = 0;
    alone.layers = 1;
    return alone;
}

} // namespace

LayerPlan MethodBase::plan(const LayerInput& input, const Budget& budget) const
{
    requireArrays(input.data, input.data.t > 0 ? needs() : promptNeeds(), m_info.name);
    const auto both = [&](const LayerInput& seen) {
        LayerPlan plan = select(seen, budget);
        if (seen.data.t > 0 && plan.keptDecode.empty())
            plan.keptDecode = replayRules(seen.data, plan, decodeRules(seen, plan, budget));
        return plan;
    };
    const std::unique_ptr<Survey> survey = input.survey ? nullptr : makeSurvey();
    if (!survey)
        return both(input);
    LayerInput alone = aloneInModel(input);
    survey->look(alone);
    survey->finish();
    alone.survey = survey.get();
    return both(alone);
}

StepRules MethodBase::stepRules(const LayerInput& input, const LayerPlan& plan, const Budget& budget) const
{
    requireArrays(input.data, promptNeeds(), m_info.name);
    return decodeRules(input.survey || !makeSurvey() ? input : aloneInModel(input), plan, budget);
}

ParamSpec compatParam()
{
    return {"compat", "none", "rounding of a ratio to tokens: exact, or as kvpress does it", {"none", "kvpress"}};
}

bool compatKvpress(const Params& params) { return params.text("compat") == "kvpress"; }

} // namespace kvviz::compress
