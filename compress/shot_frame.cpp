// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Frame in, shots in, sorted.
#include "compress/shot_frame.hpp"

#include "compress/kept_sets.hpp"

#include <algorithm>
#include <utility>

namespace kvviz::compress {

ParamSpec ShotFrame::param()
{
    return {"frame", "keep_charged",
            "tokens outside any shot: kept and charged to the budget, kept for free, or one more unit that competes",
            {"keep_charged", "keep_free", "as_unit"}};
}

PromptUnits ShotFrame::units(const LayerInput& input) const
{
    PromptUnits units = promptUnits(input.segments, input.data.n);
    if (m_rule == "as_unit" && !units.shots.empty() && !units.frame.empty())
        units.shots.push_back(std::exchange(units.frame, {}));
    return units;
}

LayerPlan ShotFrame::plan(const LayerInput& input, const PromptUnits& units, std::int64_t capacity,
                          const std::function<LayerPlan(std::int64_t room)>& choose) const
{
    if (units.shots.empty()) {
        LayerPlan plan = keepAll(input);
        addFlag(plan, "no_shots");
        return plan;
    }
    const bool charged = m_rule == "keep_charged";
    const std::int64_t room = charged ? capacity - std::ssize(units.frame) : capacity;
    LayerPlan plan = choose(room);
    addFlag(plan, "frame_exceeds_budget", charged && room <= 0);
    return plan;
}

LayerPlan shotPlan(const LayerInput& input, const PromptUnits& units, const std::vector<std::size_t>& shots,
                   std::int64_t tiesAtCut)
{
    TopK kept{units.frame, tiesAtCut};
    for (const std::size_t shot : shots)
        kept.positions.insert(kept.positions.end(), units.shots[shot].begin(), units.shots[shot].end());
    std::sort(kept.positions.begin(), kept.positions.end());
    return sharedPlan(input, kept);
}

} // namespace kvviz::compress
