// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 7.3. Alone, or over the tokens that an eviction keeps.
#include "compress/methods/entries.hpp"

#include "compress/changed_plans.hpp"
#include "compress/window_scores.hpp"
#include "core/error.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::compress {
namespace {

class Think final : public MethodBase {
public:
    Think(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_ratio(params().real("ratio", 0, 1)),
          m_window(params().integer("window", 1)), m_recent(params().integer("recent", 0)),
          m_compat(compatKvpress(params()))
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::keys | core::Need::queries; }
    [[nodiscard]] BudgetUse budgetUse() const override { return BudgetUse::fixed; }
    [[nodiscard]] bool composes() const override { return true; }
    [[nodiscard]] std::string obstacle(const core::CaptureInfo& info, const core::ModelTables*) const override
    {
        return info.window > 0 ? "" : kNoQueries;
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget&) const override
    {
        const core::LayerData& data = input.data;
        const int d = data.headDim;
        const int pruned = prunedChannels(d);
        LayerPlan plan = planOver(input);
        const ObservationWindow window = observationWindow(data, m_window);
        if (window.size == 0)
            throw core::Error(core::ErrorCode::badInput, std::string("think: ") + kNoQueries);
        addFlag(plan, kFlagWindowClamped, window.clamped);
        plan.facts["pruned_channels"] = pruned;
        ChangedCache change = unseenChange(data, true, false);
        double saved = 0;
        for (int kvHead = 0; kvHead < data.heads.kvHeads(); ++kvHead) {
            const auto& kept = plan.kept[static_cast<std::size_t>(kvHead)];
            const std::int64_t thinned = std::max<std::int64_t>(0, std::ssize(kept) - m_recent);
            if (thinned == 0 || pruned == 0)
                continue;
            const TopK stay = topK(channelScores(data, kvHead, kept, window.size), d - pruned);
            plan.tiesAtCut += stay.tiesAtCut;
            for (std::int64_t i = 0; i < thinned; ++i) {
                const std::int64_t token = kvHead * data.total() + kept[static_cast<std::size_t>(i)];
                const float* const key = data.key.data() + token * d;
                float* const thin = change.key.data() + token * d;
                std::fill_n(thin, d, 0.0f);
                for (const std::int32_t channel : stay.positions)
                    thin[channel] = key[channel];
                change.keyFrom[static_cast<std::size_t>(token)] = 0;
            }
            saved += 2.0 * pruned * static_cast<double>(thinned);
        }
        setChange(plan, std::move(change), data.t);
        plan.bytes = fullBytes(plan, d) - saved;
        return plan;
    }

private:
    static constexpr const char* kNoQueries = "it scores channels by the last prompt queries; none were captured";

    [[nodiscard]] int prunedChannels(int headDim) const
    {
        return static_cast<int>(std::floor(headDim * m_ratio + (m_compat ? 0.0 : 1e-9)));
    }

    /// mean Q_c^2 over window and group, times mean K_c^2 over the kept keys. [d]
    static std::vector<double> channelScores(const core::LayerData& data, int kvHead,
                                             const std::vector<std::int32_t>& kept, std::int64_t window)
    {
        const int d = data.headDim;
        std::vector<double> queries(static_cast<std::size_t>(d)), keys = queries;
        const auto addSquares = [d](const float* vector, std::vector<double>& sums) {
            for (int c = 0; c < d; ++c)
                sums[static_cast<std::size_t>(c)] += static_cast<double>(vector[c]) * vector[c];
        };
        for (int r = 0; r < data.heads.groupSize(); ++r) {
            const std::int64_t first = (data.heads.firstQueryHead(kvHead) + r) * (data.w + data.t);
            for (std::int64_t i = data.w - window; i < data.w; ++i)
                addSquares(data.query.data() + (first + i) * d, queries);
        }
        for (const std::int32_t token : kept)
            addSquares(data.key.data() + (kvHead * data.total() + token) * d, keys);
        const double terms = static_cast<double>(window * data.heads.groupSize()) * static_cast<double>(kept.size());
        for (std::size_t c = 0; c < keys.size(); ++c)
            keys[c] *= queries[c] / terms;
        return keys;
    }

    double m_ratio;
    std::int64_t m_window, m_recent;
    bool m_compat;
};

const MethodInfo& thinkInfo()
{
    static const MethodInfo info{
        .name = "think",
        .title = "ThinK",
        .klass = "R",
        .acts = "prefill end",
        .idea = "Drops the channels of the keys that add least to the logits of the last prompt queries. The newest "
                "keys keep all channels, values are untouched.",
        .equation = "c_i = mean_{h in g, q in last w} Q_i^2 mean_{kept j} K_i^2; the floor(ratio d) lowest channels of "
                    "all keys but the last `recent` become 0",
        .source = "Xu et al. 2024, arXiv 2407.21018; per KV head as in kvpress",
        .params = {{"ratio", "0.4", "fraction of the key channels dropped", {}},
                   {"window", "32", "last prompt queries that score the channels", {}},
                   {"recent", "32", "newest prompt keys that keep all channels", {}},
                   compatParam()},
        .presets = {{"kvpress", {{"recent", "0"}, {"compat", "kvpress"}}}}};
    return info;
}

} // namespace

MethodEntry thinkEntry() { return entryOf<Think>(thinkInfo); }

} // namespace kvviz::compress
