// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.17, O-mass: the sum over future queries is a sum of independent item values, so the top-C is optimal.
#include "compress/future_mass.hpp"
#include "compress/methods/entries.hpp"

#include "compress/method_base.hpp"
#include "compress/ranked_plan.hpp"

namespace kvviz::compress {
namespace {

class OracleMass final : public MethodBase {
public:
    using MethodBase::MethodBase;
    [[nodiscard]] core::Need needs() const override { return core::Need::decodeRows; }
    [[nodiscard]] bool usesFuture() const override { return true; }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        requireFuture(input.data, info().name);
        return rankedPlan(input, budget.capacity(input.data.n),
                          [&](int kvHead) { return futureRanking(input, kvHead); });
    }
};

const MethodInfo& oracleMassInfo()
{
    static const MethodInfo info{
        .name = "oracle_mass",
        .title = "Oracle (mass)",
        .klass = "E",
        .acts = "prefill end, uses the future",
        .idea = "Keeps the keys that the queries to come attend to most. No method with one set per layer and KV head "
                "can lose less attention at this budget; the gap to it is what better scores could win.",
        .equation = "S = top-C of sum_{future q} sum_{h in g} A[h,q,j]",
        .source = "upper bound, defined in docs/methods.md",
        .params = {},
        .presets = {}};
    return info;
}

} // namespace

MethodEntry oracleMassEntry() { return entryOf<OracleMass>(oracleMassInfo); }

} // namespace kvviz::compress
