// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.5.
#include "compress/methods/entries.hpp"

#include "compress/method_base.hpp"
#include "compress/snap_params.hpp"
#include "compress/snap_select.hpp"

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
        return snapPromptScores(input, kvHead, m_options);
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const std::int64_t capacity = budget.capacity(input.data.n, m_compat);
        if (capacity >= input.data.n)
            return keepAll(input);
        return snapPlan(input, m_options,
                        std::vector<std::int64_t>(static_cast<std::size_t>(input.data.heads.kvHeads()), capacity));
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
