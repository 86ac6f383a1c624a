// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.3, the end: kvpress's ObservedAttention.
#include "compress/methods/entries.hpp"

#include "compress/head_groups.hpp"
#include "compress/method_base.hpp"
#include "compress/ranked_plan.hpp"

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

class ObservedAttention final : public MethodBase {
public:
    ObservedAttention(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)),
          m_compat(compatKvpress(params()))
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::stats; }

    [[nodiscard]] std::vector<double> scores(const LayerInput& input, int kvHead) const override
    {
        return ranking(input, kvHead)->scores;
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        return rankedPlan(input, budget.capacity(input.data.n, m_compat),
                          [&](int kvHead) { return ranking(input, kvHead); });
    }

private:
    [[nodiscard]] static std::shared_ptr<const Ranking> ranking(const LayerInput& input, int kvHead)
    {
        return memoised(input, fmt::format("observed/{}", kvHead), [&] { return rank(meanSeen(input.data, kvHead)); });
    }

    /// Mean attention over the prompt queries that see the key, mean over the query heads of the group. [n]
    [[nodiscard]] static std::vector<double> meanSeen(const core::LayerData& data, int kvHead)
    {
        std::vector<std::vector<double>> heads;
        for (int r = 0; r < data.heads.groupSize(); ++r) {
            const float* const sums = data.received.data() + (data.heads.firstQueryHead(kvHead) + r) * data.total();
            std::vector<double>& mean = heads.emplace_back(static_cast<std::size_t>(data.n));
            for (std::int64_t key = 0; key < data.n; ++key)
                mean[static_cast<std::size_t>(key)] = sums[key] / static_cast<double>(data.n - key);
        }
        return reduceScores(heads, Reduce::mean);
    }

    bool m_compat;
};

const MethodInfo& observedAttentionInfo()
{
    static const MethodInfo info{
        .name = "observed_attention",
        .title = "ObservedAttention",
        .klass = "E",
        .acts = "prefill end",
        .idea = "Keeps the keys that received most attention from the prompt queries able to see them. The mean takes "
                "away the advantage of early tokens that a sum has, and gives the last few, seen by few, a large one. "
                "Nothing is protected.",
        .equation = "s_j = mean_{h in g} 1/(n-j) sum_{q=j..n-1} A[h,q,j]; S = top-C of s",
        .source = "kvpress 0.5.5, ObservedAttentionPress; related to H2O, but another method",
        .params = {compatParam()},
        .presets = {{"kvpress", {{"compat", "kvpress"}}}}};
    return info;
}

} // namespace

MethodEntry observedAttentionEntry() { return entryOf<ObservedAttention>(observedAttentionInfo); }

} // namespace kvviz::compress
