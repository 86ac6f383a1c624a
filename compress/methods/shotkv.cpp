// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.8. The paper leaves several points open; each is a named parameter whose default is the literal reading.
#include "compress/methods/entries.hpp"

#include "compress/kept_sets.hpp"
#include "compress/online_steps.hpp"
#include "compress/shot_frame.hpp"
#include "compress/shot_scores.hpp"
#include "compress/shotkv_decode.hpp"

#include <algorithm>

namespace kvviz::compress {
namespace {

/// global=true: one ranking of the shots for all layers, from scores averaged over them.
struct ShotSurvey final : Survey {
    explicit ShotSurvey(const ShotScoreRule& scoreRule) : rule(scoreRule) {}
    void look(const LayerInput& input) override
    {
        const auto layer = rule(input);
        mean.scores.resize(layer->scores.size(), 0.0);
        std::transform(mean.scores.begin(), mean.scores.end(), layer->scores.begin(), mean.scores.begin(),
                       std::plus<>());
        mean.rows = layer->rows;
        ++layers;
    }
    void finish() override
    {
        for (double& score : mean.scores)
            score /= static_cast<double>(layers);
    }
    ShotScoreRule rule;
    ShotTokenScores mean;
    std::int64_t layers = 0;
};

class ShotKv final : public MethodBase {
public:
    ShotKv(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_rule(params()), m_frame(params()),
          m_skip(params().text("overflow") == "skip"), m_minOne(params().flag("min_one")),
          m_decode(params().flag("decode")), m_recall(params().flag("recall")), m_global(params().flag("global"))
    {
        if (params().text("decode_ratio") != "same")
            m_decodeRatio = params().real("decode_ratio", 0.0, 1.0);
    }
    [[nodiscard]] core::Need needs() const override
    {
        return (m_rule.fromRows() ? core::Need::windowRows : core::Need::stats)
               | (m_decode ? core::Need::decodeRows : core::Need::none);
    }
    [[nodiscard]] std::unique_ptr<Survey> makeSurvey() const override
    {
        return m_global ? std::make_unique<ShotSurvey>(m_rule) : nullptr;
    }
    [[nodiscard]] std::string liveObstacle() const override
    {
        return m_decode && m_recall ? "recall=true lets keys return, and a live run frees what it evicts" : "";
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        LayerPlan plan = prefillPlan(input, budget);
        const core::LayerData& data = input.data;
        if (m_decode && m_recall)
            plan.keptDecode = sharedMask(data, shotRecallMask(data, plan.kept.front(), decodeRatio(data, budget)));
        return plan;
    }
    [[nodiscard]] StepRules decodeRules(const LayerInput& input, const LayerPlan& plan,
                                        const Budget& budget) const override
    {
        if (!m_decode || m_recall)
            return {};
        return shotDecodeRules(std::ssize(plan.kept.front()), decodeRatio(input.data, budget));
    }

private:
    [[nodiscard]] double decodeRatio(const core::LayerData& data, const Budget& budget) const
    {
        return m_decodeRatio.value_or(budget.nominalRatio(data.n));
    }

    [[nodiscard]] LayerPlan prefillPlan(const LayerInput& input, const Budget& budget) const
    {
        const std::int64_t capacity = budget.capacity(input.data.n);
        if (capacity >= input.data.n)
            return keepAll(input);
        const PromptUnits units = m_frame.units(input);
        return m_frame.plan(input, units, capacity,
                            [&](std::int64_t room) { return chooseShots(input, units, room); });
    }

    [[nodiscard]] LayerPlan chooseShots(const LayerInput& input, const PromptUnits& units, std::int64_t room) const
    {
        const auto own = m_global ? nullptr : m_rule(input);
        const ShotTokenScores& tokens = own ? *own : static_cast<const ShotSurvey&>(*input.survey).mean;
        const std::vector<double> scores = unitScores(units.shots, tokens.scores);
        const UnitChoice stop = chooseUnits(scores, units.shots, room, false);
        const UnitChoice skip = chooseUnits(scores, units.shots, room, true);
        UnitChoice choice = m_skip ? skip : stop;
        const bool nothing = choice.chosen.empty();
        if (nothing && m_minOne)
            choice.chosen.push_back(
                static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin()));
        LayerPlan plan = shotPlan(input, units, choice.chosen, choice.tiesAtCut);
        addFlag(plan, "no_shot_fits", nothing);
        addFlag(plan, "min_one_used", nothing && m_minOne);
        addFlag(plan, "overflow_rules_differ", stop.chosen != skip.chosen);
        addFlag(plan, kFlagWindowClamped, tokens.rows.clamped);
        addFlag(plan, "no_question", tokens.rows.noQuestion);
        plan.facts = {{"shots", static_cast<double>(units.shots.size())},
                      {"shots_kept", static_cast<double>(choice.chosen.size())},
                      {"shots_kept_stop", static_cast<double>(stop.chosen.size())},
                      {"shots_kept_skip", static_cast<double>(skip.chosen.size())},
                      {"shot_tokens_stop", static_cast<double>(stop.tokens)},
                      {"shot_tokens_skip", static_cast<double>(skip.tokens)}};
        return plan;
    }

    ShotScoreRule m_rule;
    ShotFrame m_frame;
    bool m_skip, m_minOne, m_decode, m_recall, m_global;
    std::optional<double> m_decodeRatio;
};

const std::vector<std::string> kTrueFalse{"true", "false"};

std::vector<ParamSpec> shotkvParams()
{
    return {
        {"acc", "all", "queries whose attention is accumulated: all of the prompt, the last `window`, all divided by "
                       "the number of queries that see the key, or those of the question",
         {"all", "window", "seen_mean", "question"}},
        {"window", "32", "prompt queries under acc=window", {}},
        {"global", "false", "one set of shots for all layers, from scores averaged over them", kTrueFalse},
        ShotFrame::param(),
        {"overflow", "stop", "at the first shot that does not fit: stop, or skip it and go on", {"stop", "skip"}},
        {"min_one", "false", "keep the best shot even if none fits", kTrueFalse},
        {"decode", "true", "evict generated tokens too, at each step", kTrueFalse},
        {"decode_ratio", "same", "fraction of the generated tokens kept; same: as for the prompt", {}},
        {"recall", "false", "choose among all generated tokens at each step, not among the survivors", kTrueFalse}};
}

const MethodInfo& shotkvInfo()
{
    static const MethodInfo info{
        .name = "shotkv",
        .title = "ShotKV",
        .klass = "E+",
        .acts = "prefill end and each step",
        .idea = "Keeps or drops whole few-shot examples of the prompt, once; generated tokens are evicted one by one "
                "at each step. One set for all heads of a layer.",
        .equation = "Score(i) = 1/k_i sum_{t in shot i} sum_h alpha[t,h]; best shots while sum k_i <= r n; decode: top "
                    "max(1, ceil(r t)) generated tokens by sum_h alpha of the current query",
        .source = "Liu et al. 2025, arXiv 2502.01941 (v4), from the text; no reference code was published",
        .params = shotkvParams(),
        .presets = {{"window", {{"acc", "window"}}},
                    {"question", {{"acc", "question"}}},
                    {"prefill_only", {{"decode", "false"}}}}};
    return info;
}

} // namespace

MethodEntry shotkvEntry() { return entryOf<ShotKv>(shotkvInfo); }

} // namespace kvviz::compress
