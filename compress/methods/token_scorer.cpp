// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz's own learned scorer, in the spirit of methods.md 9 but a selection only: what it keeps is as captured.
#include "compress/methods/entries.hpp"

#include "compress/scorer_output.hpp"
#include "core/error.hpp"
#include "core/token_features.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

/// Half a sentence, or nothing.
std::string whyNot(const core::CaptureInfo& info, const core::ModelTables* tables)
{
    if (!tables || !tables->scorer)
        return "needs a scorer table; make one with 'kvviz train-scorer' and give it with --table";
    const core::TokenScorer& scorer = *tables->scorer;
    const core::ModelInfo& model = info.model;
    if (scorer.inputs != 2 * model.nKvHeads * model.headDim)
        return fmt::format("its table reads {} numbers a token, and layers of this model have {}", scorer.inputs,
                           2 * model.nKvHeads * model.headDim);
    if (std::find(info.layers.begin(), info.layers.end(), scorer.layer) == info.layers.end())
        return fmt::format("its table scores by layer {}, which this capture does not hold", scorer.layer);
    if (std::ssize(info.heads) != model.nHeads)
        return fmt::format("its table scores by all {} KV heads of layer {}, and this capture holds {}",
                           model.nKvHeads, scorer.layer, info.kvHeads().size());
    try {
        checkScorer(scorer);
        (void)core::Rotary(model, 0);
        return {};
    } catch (const core::Error& error) {
        return error.what();
    }
}

struct ScorerOptions {
    std::int64_t sinks = 4, window = 8;
};

/// Scores from the one layer that the table names.
class ScorerSurvey final : public Survey {
public:
    explicit ScorerSurvey(ScorerOptions options) : m_options(options) {}

    void look(const LayerInput& input) override
    {
        if (m_seen)
            return;
        const std::string obstacle = input.info ? whyNot(*input.info, input.tables) : "needs the model's description";
        if (!obstacle.empty())
            throw core::Error(core::ErrorCode::badInput, "token_scorer: " + obstacle);
        const core::TokenScorer& scorer = *input.tables->scorer;
        m_layer = scorer.layer;
        if (input.data.layer != scorer.layer)
            return;
        const std::int64_t n = input.data.n;
        std::vector<double> scores =
            scorerOutput(scorer, core::tokenFeatures(input.data, core::Rotary(input.info->model, input.data.layer), n));
        constexpr double kKept = std::numeric_limits<double>::infinity();
        std::fill_n(scores.begin(), std::min(n, m_options.sinks), kKept);
        std::fill_n(scores.rbegin(), std::min(n, m_options.window), kKept);
        m_ranking = rank(std::move(scores));
        m_seen = true;
    }

    void finish() override
    {
        if (!m_seen)
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("token_scorer: its table scores by layer {}, which was not among the layers "
                                          "that it was shown",
                                          m_layer));
    }

    [[nodiscard]] const Ranking& ranking() const { return m_ranking; }

private:
    ScorerOptions m_options;
    bool m_seen = false;
    int m_layer = 0;
    Ranking m_ranking; // [n]
};

class TokenScorer final : public MethodBase {
public:
    TokenScorer(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_options{params().integer("sinks", 0), params().integer("window", 0)}
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::keys | core::Need::values; }

    [[nodiscard]] std::string obstacle(const core::CaptureInfo& info, const core::ModelTables* tables) const override
    {
        return whyNot(info, tables);
    }

    [[nodiscard]] std::unique_ptr<Survey> makeSurvey() const override
    {
        return std::make_unique<ScorerSurvey>(m_options);
    }

    [[nodiscard]] std::vector<double> scores(const LayerInput& input, int) const override
    {
        if (const auto* const survey = dynamic_cast<const ScorerSurvey*>(input.survey))
            return survey->ranking().scores;
        ScorerSurvey alone(m_options);
        alone.look(input);
        alone.finish();
        return alone.ranking().scores;
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const std::int64_t n = input.data.n;
        const std::int64_t capacity = budget.capacity(n);
        if (capacity >= n)
            return keepAll(input);
        LayerPlan plan = sharedPlan(input, topOf(static_cast<const ScorerSurvey&>(*input.survey).ranking(), capacity));
        addFlag(plan, "protected_exceed_budget", capacity < std::min(n, m_options.sinks + m_options.window));
        return plan;
    }

private:
    ScorerOptions m_options;
};

const MethodInfo& tokenScorerInfo()
{
    static const MethodInfo info{
        .name = "token_scorer",
        .title = "Token scorer (kvviz's own)",
        .klass = "T",
        .acts = "prefill end",
        .idea = "A small network, trained on captures of the same model, gives each token one score from its keys and "
                "values in an early layer; the same tokens stay in every layer and head. Not KV-Distill: nothing is "
                "trained but the choice.",
        .equation = "f = [k~ of all KV heads, v of all KV heads] of one layer, x = (f - mean) * scale; s = "
                    "w2.silu(W1 x + b1) + b2; S = sinks + window + top-(C - both) of s",
        .source = "kvviz; the idea of one learned score a token is KV-Distill's (arXiv 2503.10337)",
        .params = {{"sinks", "4", "first tokens that are always kept", {}},
                   {"window", "8", "last tokens that are always kept", {}}},
        .presets = {}};
    return info;
}

} // namespace

MethodEntry tokenScorerEntry() { return entryOf<TokenScorer>(tokenScorerInfo); }

} // namespace kvviz::compress
