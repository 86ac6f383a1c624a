// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.16, Random-shot: ShotKV's budget rule (5.8) with a drawn order of shots. A shot's draw is a hash of
// (seed, layer, shot), so it depends on nothing else.
#include "compress/methods/entries.hpp"

#include "compress/method_base.hpp"
#include "compress/shot_frame.hpp"
#include "core/hash_random.hpp"

namespace kvviz::compress {
namespace {

constexpr std::uint64_t kStream = 0x73686f74; // apart from the draws of `random`

class RandomShot final : public MethodBase {
public:
    RandomShot(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)),
          m_seed(static_cast<std::uint64_t>(params().integer("seed", 0, Params::kNoMaximum))),
          m_draws(params().integer("seeds", 1, 10'000)), m_shared(params().flag("shared_layers")),
          m_frame(params()), m_skip(params().text("overflow") == "skip")
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::none; }
    [[nodiscard]] std::int64_t draws() const override { return m_draws; }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const std::int64_t capacity = budget.capacity(input.data.n);
        if (capacity >= input.data.n)
            return keepAll(input);
        const PromptUnits units = m_frame.units(input);
        return m_frame.plan(input, units, capacity,
                            [&](std::int64_t room) { return chosenPlan(input, units, room); });
    }

private:
    [[nodiscard]] LayerPlan chosenPlan(const LayerInput& input, const PromptUnits& units, std::int64_t room) const
    {
        const auto layer = static_cast<std::uint64_t>(m_shared ? 0 : input.data.layer);
        std::vector<double> draws;
        for (std::size_t shot = 0; shot < units.shots.size(); ++shot)
            draws.push_back(core::hashUniform({kStream, input.seed, m_seed, layer, static_cast<std::uint64_t>(shot)}));
        const UnitChoice choice = chooseUnits(draws, units.shots, room, m_skip);
        LayerPlan plan = shotPlan(input, units, choice.chosen);
        addFlag(plan, "no_shot_fits", choice.chosen.empty());
        return plan;
    }

    std::uint64_t m_seed;
    std::int64_t m_draws;
    bool m_shared;
    ShotFrame m_frame;
    bool m_skip;
};

const MethodInfo& randomShotInfo()
{
    static const MethodInfo info{
        .name = "random_shot",
        .title = "Random shots",
        .klass = "E",
        .acts = "prefill end",
        .idea = "Keeps whole few-shot examples in a random order, by ShotKV's budget rule and for all heads of a "
                "layer. What ShotKV's choice of shots must beat.",
        .equation = "shots in uniformly random order while sum k_i <= r n - frame; S = frame + their tokens",
        .source = "baseline of Liu et al. 2025, arXiv 2502.01941 (v4)",
        .params = {{"seeds", "20", "draws that a replay averages", {}},
                   {"seed", "0", "draw number, on top of the seed of the run", {}},
                   {"shared_layers", "false", "the same order in every layer", {"true", "false"}},
                   ShotFrame::param(),
                   {"overflow", "stop", "at the first shot that does not fit: stop, or skip it and go on",
                    {"stop", "skip"}}},
        .presets = {}};
    return info;
}

} // namespace

MethodEntry randomShotEntry() { return entryOf<RandomShot>(randomShotInfo); }

} // namespace kvviz::compress
