// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.2 as published: evicts before each step, and numbers the keys of the cache anew.
#include "compress/methods/entries.hpp"

#include "compress/kept_sets.hpp"
#include "compress/online_steps.hpp"
#include "compress/sink_recents.hpp"

namespace kvviz::compress {
namespace {

class Streaming final : public MethodBase {
public:
    Streaming(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_sinks(params().integer("sinks", 0))
    {
    }
    /// The plan reads none of them; attention with shifted positions is computed anew from them.
    [[nodiscard]] core::Need needs() const override
    {
        return core::Need::keys | core::Need::values | core::Need::queries;
    }
    [[nodiscard]] core::Need promptNeeds() const override { return core::Need::none; }
    [[nodiscard]] std::string liveObstacle() const override
    {
        return "position shift is not run live; use streaming_noshift:when=each_step";
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const core::LayerData& data = input.data;
        const std::int64_t capacity = budget.capacity(data.n);
        if (capacity >= data.n)
            return keepAll(input);
        const SinkRecents sizes = sinkRecents(capacity, m_sinks);
        LayerPlan plan = sharedPlan(input, promptCut(data.n, sizes));
        addFlag(plan, "sinks_exceed_budget", sizes.recents == 0);
        plan.keptDecode = replayRules(data, plan, streamingRules(data, sizes));
        auto changed = std::make_shared<ChangedCache>();
        const auto one = static_cast<std::size_t>(data.t * data.total()); // all heads have the same
        changed->shift = cacheShift(data, std::span(plan.keptDecode).first(one));
        plan.changed = std::move(changed);
        return plan;
    }

private:
    std::int64_t m_sinks;
};

const MethodInfo& streamingInfo()
{
    static const MethodInfo info{
        .name = "streaming",
        .title = "StreamingLLM",
        .klass = "E+,P",
        .acts = "prefill end and each step",
        .idea = "Attention sinks and a sliding window: before each step the oldest key that is no sink leaves. Keys "
                "are numbered by their place in the cache, so sinks never look farther away than the cache is long.",
        .equation = "S = {0..s-1} + {q-(C-s)+1..q}; logit = (R_c(q) q~)^T (R_c(j) k~_j) / sqrt d, c: rank in S",
        .source = "Xiao et al. 2023, arXiv 2309.17453, and its evict_for_space and position shift",
        .params = {{"sinks", "4", "first tokens that are always kept", {}}},
        .presets = {}};
    return info;
}

} // namespace

MethodEntry streamingEntry() { return entryOf<Streaming>(streamingInfo); }

} // namespace kvviz::compress
