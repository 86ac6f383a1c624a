// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.17 and 9: one set of tokens for the whole model, as trained selectors such as KV-Distill choose it.
#include "compress/future_mass.hpp"
#include "compress/methods/entries.hpp"

#include "compress/method_base.hpp"
#include "core/error.hpp"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

/// The future mass of each token, summed over all (layer, KV head).
struct TokenMass final : Survey {
    explicit TokenMass(std::string who) : name(std::move(who)) {}
    void look(const LayerInput& input) override
    {
        requireFuture(input.data, name);
        total.resize(total.empty() ? static_cast<std::size_t>(input.data.n) : total.size(), 0.0);
        if (std::ssize(total) != input.data.n)
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("{}: layer {} has {} prompt tokens, the ones before it {}", name,
                                          input.data.layer, input.data.n, total.size()));
        for (int kvHead = 0; kvHead < input.data.heads.kvHeads(); ++kvHead) {
            const auto mass = futureRanking(input, kvHead);
            std::transform(mass->scores.begin(), mass->scores.end(), total.begin(), total.begin(), std::plus<>());
        }
    }
    void finish() override { ranking = rank(std::move(total)); }

    std::string name;
    std::vector<double> total;
    Ranking ranking;
};

class OracleToken final : public MethodBase {
public:
    using MethodBase::MethodBase;
    [[nodiscard]] core::Need needs() const override { return core::Need::decodeRows; }
    [[nodiscard]] bool usesFuture() const override { return true; }
    [[nodiscard]] std::unique_ptr<Survey> makeSurvey() const override
    {
        return std::make_unique<TokenMass>(info().name);
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const Ranking& ranking = static_cast<const TokenMass&>(*input.survey).ranking;
        return sharedPlan(input, topOf(ranking, budget.capacity(input.data.n)));
    }
};

const MethodInfo& oracleTokenInfo()
{
    static const MethodInfo info{
        .name = "oracle_token",
        .title = "Oracle (mass, one token set)",
        .klass = "E",
        .acts = "prefill end, uses the future",
        .idea = "One set of tokens for all layers and heads: those that the queries to come attend to most, summed "
                "over the model. What pure selection of whole tokens would lose at best, as trained selectors "
                "(KV-Distill) choose; their training is meant to recover the rest.",
        .equation = "S = top-C of sum_l sum_{future q} sum_h A[l,h,q,j]",
        .source = "upper bound, defined in docs/methods.md",
        .params = {},
        .presets = {}};
    return info;
}

} // namespace

MethodEntry oracleTokenEntry() { return entryOf<OracleToken>(oracleTokenInfo); }

} // namespace kvviz::compress
