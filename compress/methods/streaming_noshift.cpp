// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.2, without the re-indexing of positions: that needs keys before RoPE.
#include "compress/methods/entries.hpp"

#include "compress/method_base.hpp"

#include <algorithm>

namespace kvviz::compress {
namespace {

class StreamingNoshift final : public MethodBase {
public:
    StreamingNoshift(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_sinks(params().integer("sinks", 0)),
          m_compat(compatKvpress(params()))
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::none; }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const std::int64_t n = input.data.n;
        const std::int64_t capacity = budget.capacity(n, m_compat);
        // A budget below the sinks keeps the first of them: they tie in kvpress, and ties go to the lowest position.
        const std::int64_t sinks = std::min(m_sinks, capacity);
        TopK chosen{positionRange(0, sinks), 0};
        for (const std::int32_t recent : positionRange(n - (capacity - sinks), n))
            chosen.positions.push_back(recent);
        LayerPlan plan = sharedPlan(input, chosen);
        addFlag(plan, "sinks_exceed_budget", capacity < std::min(m_sinks, n));
        return plan;
    }

private:
    std::int64_t m_sinks;
    bool m_compat;
};

const MethodInfo& streamingNoshiftInfo()
{
    static const MethodInfo info{
        .name = "streaming_noshift",
        .title = "StreamingLLM (no shift)",
        .klass = "E",
        .acts = "prefill end",
        .idea = "Keeps the first tokens (attention sinks) and the most recent ones; the same set in every layer and "
                "head. Keys keep their true positions.",
        .equation = "S = {0..s-1} + {n-(C-s)..n-1}",
        .source = "Xiao et al. 2023, arXiv 2309.17453; without position shift as in kvpress and KVCache-Factory",
        .params = {{"sinks", "4", "first tokens that are always kept", {}}, compatParam()},
        .presets = {{"kvpress", {{"compat", "kvpress"}}}}};
    return info;
}

} // namespace

MethodEntry streamingNoshiftEntry() { return entryOf<StreamingNoshift>(streamingNoshiftInfo); }

} // namespace kvviz::compress
