// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.2, without the re-indexing of positions: captured attention stays valid.
#include "compress/methods/entries.hpp"

#include "compress/method_base.hpp"
#include "compress/sink_recents.hpp"

#include <algorithm>

namespace kvviz::compress {
namespace {

class StreamingNoshift final : public MethodBase {
public:
    StreamingNoshift(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_sinks(params().integer("sinks", 0)),
          m_eachStep(params().text("when") == "each_step"), m_compat(compatKvpress(params()))
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::none; }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const core::LayerData& data = input.data;
        const std::int64_t capacity = budget.capacity(data.n, m_compat);
        const SinkRecents sizes = sinkRecents(capacity, m_sinks);
        LayerPlan plan = sharedPlan(input, promptCut(data.n, sizes));
        addFlag(plan, "sinks_exceed_budget", capacity < std::min(m_sinks, data.n));
        return plan;
    }
    [[nodiscard]] StepRules decodeRules(const LayerInput& input, const LayerPlan&, const Budget& budget) const override
    {
        const std::int64_t capacity = budget.capacity(input.data.n, m_compat);
        if (!m_eachStep || capacity >= input.data.n)
            return {};
        return streamingRules(input.data, sinkRecents(capacity, m_sinks));
    }

private:
    std::int64_t m_sinks;
    bool m_eachStep, m_compat;
};

const MethodInfo& streamingNoshiftInfo()
{
    static const MethodInfo info{
        .name = "streaming_noshift",
        .title = "StreamingLLM (no shift)",
        .klass = "E",
        .acts = "prefill end; when=each_step: each step too",
        .idea = "Keeps the first tokens (attention sinks) and the most recent ones; the same set in every layer and "
                "head. Keys keep their true positions.",
        .equation = "S = {0..s-1} + {n-(C-s)..n-1}",
        .source = "Xiao et al. 2023, arXiv 2309.17453; without position shift as in kvpress and KVCache-Factory",
        .params = {{"sinks", "4", "first tokens that are always kept", {}},
                   {"when", "prefill_end", "one cut of the prompt, or a sliding window during decoding as well",
                    {"prefill_end", "each_step"}},
                   compatParam()},
        .presets = {{"kvpress", {{"compat", "kvpress"}}}}};
    return info;
}

} // namespace

MethodEntry streamingNoshiftEntry() { return entryOf<StreamingNoshift>(streamingNoshiftInfo); }

} // namespace kvviz::compress
