// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.17, O-mass-layer: the heads of a layer share their budgets.
#include "compress/future_mass.hpp"
#include "compress/methods/entries.hpp"

#include "compress/method_base.hpp"

namespace kvviz::compress {
namespace {

class OracleLayer final : public MethodBase {
public:
    using MethodBase::MethodBase;
    [[nodiscard]] core::Need needs() const override { return core::Need::decodeRows; }
    [[nodiscard]] bool usesFuture() const override { return true; }
    [[nodiscard]] std::vector<double> scores(const LayerInput& input, int kvHead) const override
    {
        return futureRanking(input, kvHead)->scores;
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        requireFuture(input.data, info().name);
        const int kvHeads = input.data.heads.kvHeads();
        const auto pool = memoised(input, "future_pool", [&] {
            PooledScores heads;
            for (int kvHead = 0; kvHead < kvHeads; ++kvHead)
                heads.add(bestFirst(*futureRanking(input, kvHead)));
            heads.finish();
            return heads;
        });
        return futurePlan(input, pool->share(budget.capacity(input.data.n) * kvHeads), 0);
    }
};

const MethodInfo& oracleLayerInfo()
{
    static const MethodInfo info{
        .name = "oracle_layer",
        .title = "Oracle (mass, layer budget)",
        .klass = "E",
        .acts = "prefill end, uses the future",
        .idea = "The mass oracle with the budgets of a layer's KV heads in one pot: heads that look at few keys leave "
                "room to those that look at many. Bounds methods with head budgets of their own, such as AdaKV.",
        .equation = "S = top-(C G) over (g, j) of sum_{future q} sum_{h in g} A[h,q,j], per layer",
        .source = "upper bound, defined in docs/methods.md",
        .params = {},
        .presets = {}};
    return info;
}

} // namespace

MethodEntry oracleLayerEntry() { return entryOf<OracleLayer>(oracleLayerInfo); }

} // namespace kvviz::compress
