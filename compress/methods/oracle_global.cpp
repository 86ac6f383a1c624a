// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.17, O-mass-global: all layers and heads share their budgets.
#include "compress/future_mass.hpp"
#include "compress/methods/entries.hpp"

#include "compress/method_base.hpp"

namespace kvviz::compress {
namespace {

/// The future mass of all (layer, KV head), sorted.
struct GlobalMass final : Survey {
    explicit GlobalMass(std::string who) : name(std::move(who)) {}
    void look(const LayerInput& input) override
    {
        requireFuture(input.data, name);
        for (int kvHead = 0; kvHead < input.data.heads.kvHeads(); ++kvHead)
            pool.add(bestFirst(*futureRanking(input, kvHead)));
    }
    void finish() override { pool.finish(); }

    std::string name;
    PooledScores pool;
};

class OracleGlobal final : public MethodBase {
public:
    using MethodBase::MethodBase;
    [[nodiscard]] core::Need needs() const override { return core::Need::decodeRows; }
    [[nodiscard]] bool usesFuture() const override { return true; }
    [[nodiscard]] std::unique_ptr<Survey> makeSurvey() const override
    {
        return std::make_unique<GlobalMass>(info().name);
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const PooledScores& pool = static_cast<const GlobalMass&>(*input.survey).pool;
        const std::int64_t total = budget.capacity(input.data.n) * pool.units();
        return futurePlan(input, pool.share(total), input.slot * input.data.heads.kvHeads());
    }
};

const MethodInfo& oracleGlobalInfo()
{
    static const MethodInfo info{
        .name = "oracle_global",
        .title = "Oracle (mass, model budget)",
        .klass = "E",
        .acts = "prefill end, uses the future",
        .idea = "The mass oracle with the budgets of all captured layers and KV heads in one pot. Bounds methods that "
                "spread their budget over the whole model, such as KV-Compress.",
        .equation = "S = top-(C L G) over (l, g, j) of sum_{future q} sum_{h in g} A[l,h,q,j]",
        .source = "upper bound, defined in docs/methods.md",
        .params = {},
        .presets = {}};
    return info;
}

} // namespace

MethodEntry oracleGlobalEntry() { return entryOf<OracleGlobal>(oracleGlobalInfo); }

} // namespace kvviz::compress
