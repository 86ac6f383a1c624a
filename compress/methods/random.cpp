// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.16. Every position gets a hash of (seed, layer, KV head, position) as its score, so a subset depends on
// nothing else, not on threads and not on the order of calls.
#include "compress/methods/entries.hpp"

#include "compress/ranked_plan.hpp"
#include "core/hash_random.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

class Random final : public MethodBase {
public:
    Random(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)),
          m_seed(static_cast<std::uint64_t>(params().integer("seed", 0, Params::kNoMaximum))),
          m_draws(params().integer("seeds", 1, 10'000)), m_shared(params().flag("shared_layers")),
          m_protect(params().text("protect") == "sinks_window"), m_sinks(params().integer("sinks", 0)),
          m_window(params().integer("window", 0)), m_compat(compatKvpress(params()))
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::none; }
    [[nodiscard]] std::int64_t draws() const override { return m_draws; }

    [[nodiscard]] std::vector<double> scores(const LayerInput& input, int kvHead) const override
    {
        return ranking(input, kvHead)->scores;
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const std::int64_t n = input.data.n;
        const std::int64_t capacity = budget.capacity(n, m_compat);
        LayerPlan plan = rankedPlan(input, capacity, [&](int kvHead) { return ranking(input, kvHead); });
        plan.tiesAtCut = 0; // of protected tokens at most, and those have their flag
        addFlag(plan, "protected_exceed_budget", m_protect && capacity < std::min(n, m_sinks + m_window));
        return plan;
    }

private:
    [[nodiscard]] std::shared_ptr<const Ranking> ranking(const LayerInput& input, int kvHead) const
    {
        const std::string key = fmt::format("random/{}/{}/{}/{}/{}/{}/{}", kvHead, input.seed, m_seed, m_shared,
                                            m_protect, m_protect ? m_sinks : 0, m_protect ? m_window : 0);
        return memoised(input, key, [&] { return rank(drawn(input, kvHead)); });
    }

    [[nodiscard]] std::vector<double> drawn(const LayerInput& input, int kvHead) const
    {
        const std::int64_t n = input.data.n;
        const auto layer = static_cast<std::uint64_t>(m_shared ? 0 : input.data.layer);
        const auto head = static_cast<std::uint64_t>(input.kvHeadNumber(kvHead));
        std::vector<double> result(static_cast<std::size_t>(n));
        for (std::int64_t position = 0; position < n; ++position) {
            const bool safe = m_protect && (position < m_sinks || position >= n - m_window);
            const double draw =
                core::hashUniform({input.seed, m_seed, layer, head, static_cast<std::uint64_t>(position)});
            result[static_cast<std::size_t>(position)] =
                safe ? std::numeric_limits<double>::infinity() : draw;
        }
        return result;
    }

    std::uint64_t m_seed;
    std::int64_t m_draws;
    bool m_shared, m_protect;
    std::int64_t m_sinks, m_window;
    bool m_compat;
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
        .params = {{"seeds", "20", "draws that a replay averages", {}},
                   {"seed", "0", "draw number, on top of the seed of the run", {}},
                   {"shared_layers", "false", "the same draw in every layer, as kvpress does with a seed",
                    {"true", "false"}},
                   {"protect", "none", "tokens that are always kept", {"none", "sinks_window"}},
                   {"sinks", "4", "first tokens kept under protect=sinks_window", {}},
                   {"window", "32", "last tokens kept under protect=sinks_window", {}},
                   compatParam()},
        .presets = {{"protected", {{"protect", "sinks_window"}}},
                    {"kvpress", {{"shared_layers", "true"}, {"compat", "kvpress"}}}}};
    return info;
}

} // namespace

MethodEntry randomEntry() { return entryOf<Random>(randomInfo); }

} // namespace kvviz::compress
