// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.17, O-shot: which whole shots fit the budget best is a 0/1 knapsack, solved exactly.
#include "compress/future_mass.hpp"
#include "compress/methods/entries.hpp"

#include "compress/knapsack.hpp"
#include "compress/method_base.hpp"
#include "compress/shot_frame.hpp"

#include <utility>

namespace kvviz::compress {
namespace {

/// The units of a layer and the best choice among them for any room.
struct ShotChoices {
    PromptUnits units;
    Knapsack knapsack;
};

class OracleShot final : public MethodBase {
public:
    OracleShot(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_frame(params())
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::decodeRows; }
    [[nodiscard]] bool usesFuture() const override { return true; }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        requireFuture(input.data, info().name);
        const std::int64_t capacity = budget.capacity(input.data.n);
        if (capacity >= input.data.n)
            return keepAll(input);
        const auto choices = memoised(input, "shot_knapsack/" + m_frame.rule(), [&] { return solve(input); });
        return m_frame.plan(input, choices->units, capacity, [&](std::int64_t room) {
            const std::vector<std::size_t> chosen = choices->knapsack.best(room);
            LayerPlan plan = shotPlan(input, choices->units, chosen);
            addFlag(plan, "no_shot_fits", chosen.empty());
            return plan;
        });
    }

private:
    [[nodiscard]] ShotChoices solve(const LayerInput& input) const
    {
        PromptUnits units = m_frame.units(input);
        std::vector<double> values(units.shots.size(), 0.0);
        std::vector<std::int64_t> sizes;
        for (const Unit& shot : units.shots)
            sizes.push_back(std::ssize(shot));
        for (int kvHead = 0; kvHead < input.data.heads.kvHeads(); ++kvHead) {
            const auto mass = futureRanking(input, kvHead);
            for (std::size_t shot = 0; shot < units.shots.size(); ++shot)
                for (const std::int32_t token : units.shots[shot])
                    values[shot] += mass->scores[static_cast<std::size_t>(token)];
        }
        return {std::move(units), Knapsack(values, std::move(sizes), input.data.n)};
    }

    ShotFrame m_frame;
};

const MethodInfo& oracleShotInfo()
{
    static const MethodInfo info{
        .name = "oracle_shot",
        .title = "Oracle (whole shots)",
        .klass = "E",
        .acts = "prefill end, uses the future",
        .idea = "The set of whole shots that fits the budget and that the queries to come attend to most; one set for "
                "all heads of a layer. No way of scoring shots can lose less attention by keeping shots whole, so the "
                "gap to oracle_mass is the price of coherence.",
        .equation = "max sum_{i kept} sum_{t in shot i} sum_h sum_{future q} A[h,q,t]  with  sum_{i kept} k_i <= C - "
                    "frame (0/1 knapsack)",
        .source = "upper bound of ShotKV, defined in docs/methods.md",
        .params = {ShotFrame::param()},
        .presets = {}};
    return info;
}

} // namespace

MethodEntry oracleShotEntry() { return entryOf<OracleShot>(oracleShotInfo); }

} // namespace kvviz::compress
