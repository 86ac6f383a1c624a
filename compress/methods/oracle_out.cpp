// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.17, O-out. The order of elimination does not depend on the budget: found once, cut for each.
#include "compress/methods/entries.hpp"

#include "compress/future_mass.hpp"
#include "compress/method_base.hpp"
#include "compress/output_elimination.hpp"
#include "compress/ranked_plan.hpp"

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

class OracleOut final : public MethodBase {
public:
    OracleOut(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_step(params().real("step", 0.0, 0.5))
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::decodeRows | core::Need::values; }
    [[nodiscard]] bool usesFuture() const override { return true; }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        requireFuture(input.data, info().name);
        return rankedPlan(input, budget.capacity(input.data.n), [&](int kvHead) {
            return memoised(input, fmt::format("output_elimination/{}/{}", kvHead, m_step),
                            [&] { return outputElimination(input.data, kvHead, m_step); });
        });
    }

private:
    double m_step;
};

const MethodInfo& oracleOutInfo()
{
    static const MethodInfo info{
        .name = "oracle_out",
        .title = "Oracle (output error, greedy)",
        .klass = "E",
        .acts = "prefill end, uses the future",
        .idea = "Removes, again and again, the keys whose loss adds least to the output error of the queries to come. "
                "It sees values, which the mass oracle does not. A heuristic: it shows what is within reach, it is "
                "not a proven bound.",
        .equation = "remove argmin_j sum_{future q, h in g} (|o - o'_{S without j}| - |o - o'_S|) / |o|; in rounds of "
                    "step |S| keys by the mean of that and its bound sum a_j/(rho-a_j) |v_j - o'| / |o|",
        .source = "defined in docs/methods.md",
        .params = {{"step", "0.125", "part of the remaining keys removed in a round, at least one; 0: one by one", {}}},
        .presets = {}};
    return info;
}

} // namespace

MethodEntry oracleOutEntry() { return entryOf<OracleOut>(oracleOutInfo); }

} // namespace kvviz::compress
