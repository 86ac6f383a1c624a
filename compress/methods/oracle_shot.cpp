// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.17, O-shot: which whole shots fit the budget best is a 0/1 knapsack, solved exactly.
#include "compress/future_mass.hpp"
#include "compress/methods/entries.hpp"

#include "compress/knapsack.hpp"
#include "compress/method_base.hpp"
#include "compress/shots.hpp"

#include <algorithm>
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
        : MethodBase(info, std::move(resolved)), m_frame(params().text("frame"))
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
        const auto choices = memoised(input, "shot_knapsack/" + m_frame, [&] { return solve(input); });
        const PromptUnits& units = choices->units;
        if (units.shots.empty()) { // nothing that could be dropped as a whole, as in ShotKV
            LayerPlan plan = keepAll(input);
            addFlag(plan, "no_shots");
            return plan;
        }
        const bool charged = m_frame == "keep_charged";
        const std::int64_t room = charged ? capacity - std::ssize(units.frame) : capacity;
        TopK kept{units.frame, 0};
        const std::vector<std::size_t> chosen = choices->knapsack.best(room);
        for (const std::size_t shot : chosen)
            kept.positions.insert(kept.positions.end(), units.shots[shot].begin(), units.shots[shot].end());
        std::sort(kept.positions.begin(), kept.positions.end());
        LayerPlan plan = sharedPlan(input, kept);
        addFlag(plan, "no_shot_fits", chosen.empty());
        addFlag(plan, "frame_exceeds_budget", charged && room <= 0);
        return plan;
    }

private:
    [[nodiscard]] ShotChoices solve(const LayerInput& input) const
    {
        PromptUnits units = promptUnits(input.segments, input.data.n);
        if (m_frame == "as_unit" && !units.shots.empty() && !units.frame.empty())
            units.shots.push_back(std::exchange(units.frame, {}));
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

    std::string m_frame;
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
        .params = {{"frame",
                    "keep_charged",
                    "tokens outside any shot: kept and charged to the budget, kept for free, or one more unit that "
                    "competes (as in shotkv)",
                    {"keep_charged", "keep_free", "as_unit"}}},
        .presets = {}};
    return info;
}

} // namespace

MethodEntry oracleShotEntry() { return entryOf<OracleShot>(oracleShotInfo); }

} // namespace kvviz::compress
