// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.5.
#include "compress/methods/entries.hpp"

#include "compress/method_base.hpp"
#include "compress/snap_params.hpp"

#include <limits>

namespace kvviz::compress {
namespace {

class SnapKv final : public MethodBase {
public:
    SnapKv(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_options(snapOptions(params())), m_compat(compatKvpress(params()))
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::windowRows; }

    [[nodiscard]] std::vector<double> scores(const LayerInput& input, int kvHead) const override
    {
        SnapOptions options = m_options;
        options.window = observationWindow(input.data, m_options.window).size;
        std::vector<double> all = snapRanking(input, kvHead, options)->scores;
        all.resize(static_cast<std::size_t>(input.data.n), std::numeric_limits<double>::infinity());
        return all;
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const core::LayerData& data = input.data;
        const std::int64_t capacity = budget.capacity(data.n, m_compat);
        if (capacity >= data.n)
            return keepAll(input);
        const ObservationWindow window = observationWindow(data, m_options.window);
        SnapOptions options = m_options;
        options.window = window.size;
        LayerPlan plan;
        plan.layer = data.layer;
        addFlag(plan, kFlagWindowClamped, window.clamped);
        addFlag(plan, kFlagWindowExceedsBudget, capacity < window.size);
        for (int kvHead = 0; kvHead < data.heads.kvHeads(); ++kvHead) {
            TopK chosen = topAndTail(*snapRanking(input, kvHead, options), data.n, capacity);
            plan.tiesAtCut += chosen.tiesAtCut;
            plan.kept.push_back(std::move(chosen.positions));
        }
        return plan;
    }

private:
    SnapOptions m_options;
    bool m_compat;
};

std::vector<ParamSpec> snapkvParams()
{
    std::vector<ParamSpec> params = snapParams();
    params.push_back(compatParam());
    return params;
}

const MethodInfo& snapkvInfo()
{
    static const MethodInfo info{
        .name = "snapkv",
        .title = "SnapKV",
        .klass = "E",
        .acts = "prefill end",
        .idea = "The last prompt queries vote: keeps the keys they attend to, smoothed over neighbours, and the last "
                "tokens themselves.",
        .equation = "P_j = sum_{q in last w} mean_{h in g} A[h,q,j], j < n-w; S = top-(C-w) of pool_k(P) + last w",
        .source = "Li et al. 2024, arXiv 2404.14469; defaults of the published LongBench configurations",
        .params = snapkvParams(),
        .presets = {{"factory", {{"window", "8"}, {"kernel", "7"}, {"pool", "max"}}},
                    {"kvpress",
                     {{"window", "64"}, {"kernel", "5"}, {"pool", "avg"}, {"order", "pool_reduce"},
                      {"compat", "kvpress"}}}}};
    return info;
}

} // namespace

MethodEntry snapkvEntry() { return entryOf<SnapKv>(snapkvInfo); }

} // namespace kvviz::compress
