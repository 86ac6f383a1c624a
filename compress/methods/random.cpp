// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.16. Every position gets a hash of (seed, layer, KV head, position) as its score, so a subset depends on
// nothing else, not on threads and not on the order of calls.
#include "compress/methods/entries.hpp"

#include "compress/hash_random.hpp"
#include "compress/method_base.hpp"

#include <algorithm>

namespace kvviz::compress {
namespace {

class Random final : public MethodBase {
public:
    Random(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)),
          m_seed(static_cast<std::uint64_t>(params().integer("seed", 0, Params::kNoMaximum))),
          m_shared(params().flag("shared_layers")), m_protect(params().text("protect") == "sinks_window"),
          m_sinks(params().integer("sinks", 0)), m_window(params().integer("window", 0))
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::none; }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const core::LayerData& data = input.data;
        const std::int64_t capacity = budget.capacity(data.n);
        LayerPlan plan;
        plan.layer = data.layer;
        for (int kvHead = 0; kvHead < data.heads.kvHeads(); ++kvHead)
            plan.kept.push_back(topK(scores(input, kvHead), capacity).positions);
        addFlag(plan, "protected_exceed_budget", m_protect && capacity < std::min(data.n, m_sinks + m_window));
        return plan;
    }

private:
    [[nodiscard]] std::vector<double> scores(const LayerInput& input, int kvHead) const
    {
        const std::int64_t n = input.data.n;
        const auto layer = static_cast<std::uint64_t>(m_shared ? 0 : input.data.layer);
        const auto head = static_cast<std::uint64_t>(input.kvHeadNumber(kvHead));
        std::vector<double> result(static_cast<std::size_t>(n));
        for (std::int64_t position = 0; position < n; ++position) {
            const bool safe = m_protect && (position < m_sinks || position >= n - m_window);
            const double draw = hashUniform({input.seed, m_seed, layer, head, static_cast<std::uint64_t>(position)});
            result[static_cast<std::size_t>(position)] = safe ? 2.0 : draw;
        }
        return result;
    }

    std::uint64_t m_seed;
    bool m_shared, m_protect;
    std::int64_t m_sinks, m_window;
};

const MethodInfo& randomInfo()
{
    static const MethodInfo info{
        .name = "random",
        .title = "Random",
        .klass = "E",
        .acts = "prefill end",
        .idea = "A uniformly random subset per layer and KV head. What any useful score must beat.",
        .equation = "S = C positions drawn uniformly from {0..n-1}; E[lost mass] = (1 - C/n) * mass on the prompt",
        .source = "baseline; kvpress has the same idea with a generator per layer",
        .params = {{"seed", "0", "draw number, on top of the seed of the run", {}},
                   {"shared_layers", "false", "the same draw in every layer, as kvpress does with a seed",
                    {"true", "false"}},
                   {"protect", "none", "tokens that are always kept", {"none", "sinks_window"}},
                   {"sinks", "4", "first tokens kept under protect=sinks_window", {}},
                   {"window", "32", "last tokens kept under protect=sinks_window", {}}},
        .presets = {{"protected", {{"protect", "sinks_window"}}}}};
    return info;
}

} // namespace

MethodEntry randomEntry() { return entryOf<Random>(randomInfo); }

} // namespace kvviz::compress
