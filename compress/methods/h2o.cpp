// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.3, the prefill-end variant.
#include "compress/methods/entries.hpp"

#include "compress/head_groups.hpp"
#include "compress/memo.hpp"
#include "compress/method_base.hpp"

#include <limits>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

class H2o final : public MethodBase {
public:
    H2o(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_window(params().integer("window", 0)),
          m_reduce(reduceFromName(params().text("reduce")))
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::stats; }

    [[nodiscard]] std::vector<double> scores(const LayerInput& input, int kvHead) const override
    {
        const std::int64_t n = input.data.n;
        std::vector<double> all = columnSums(input.data, kvHead, std::max<std::int64_t>(0, n - m_window));
        all.resize(static_cast<std::size_t>(n), std::numeric_limits<double>::infinity());
        return all;
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const core::LayerData& data = input.data;
        const std::int64_t capacity = budget.capacity(data.n);
        if (capacity >= data.n)
            return keepAll(input);
        const std::int64_t scored = std::max<std::int64_t>(0, data.n - m_window);
        LayerPlan plan = planOfHeads(input, [&](int kvHead) {
            const std::string key = fmt::format("received/{}/{}/{}", kvHead, scored, static_cast<int>(m_reduce));
            const auto ranking = memoised(input, key, [&] { return rank(columnSums(data, kvHead, scored)); });
            return topAndTail(*ranking, data.n, capacity);
        });
        addFlag(plan, kFlagWindowExceedsBudget, capacity < m_window);
        return plan;
    }

private:
    /// Attention received over the whole prompt, reduced over the query heads of the group. [keys]
    [[nodiscard]] std::vector<double> columnSums(const core::LayerData& data, int kvHead, std::int64_t keys) const
    {
        std::vector<std::vector<double>> heads;
        for (int r = 0; r < data.heads.groupSize(); ++r) {
            const float* const sums = data.received.data() + (data.heads.firstQueryHead(kvHead) + r) * data.total();
            heads.emplace_back(sums, sums + keys);
        }
        return reduceScores(heads, m_reduce);
    }

    std::int64_t m_window;
    Reduce m_reduce;
};

const MethodInfo& h2oInfo()
{
    static const MethodInfo info{
        .name = "h2o",
        .title = "H2O (prefill end)",
        .klass = "E",
        .acts = "prefill end",
        .idea = "Heavy hitters: keeps the keys that received most attention from all prompt queries together, and the "
                "last few tokens. Early tokens are seen by more queries, which favours them.",
        .equation = "Sc_j = mean_{h in g} sum_{q=0..n-1} A[h,q,j], j < n-w; S = top-(C-w) of Sc + last w",
        .source = "Zhang et al. 2023, arXiv 2306.14048; prefill-end variant and w = 8 as in KVCache-Factory",
        .params = {{"window", "8", "last tokens that are always kept", {}},
                   {"reduce", "mean", "reduction over the query heads of a KV head", {"mean", "max", "sum"}}},
        .presets = {}};
    return info;
}

} // namespace

MethodEntry h2oEntry() { return entryOf<H2o>(h2oInfo); }

} // namespace kvviz::compress
