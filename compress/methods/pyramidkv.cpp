// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.6: SnapKV's choice with a budget that falls with depth.
#include "compress/methods/entries.hpp"

#include "compress/method_base.hpp"
#include "compress/pyramid_schedule.hpp"
#include "compress/snap_params.hpp"
#include "compress/snap_select.hpp"

namespace kvviz::compress {
namespace {

class PyramidKv final : public MethodBase {
public:
    PyramidKv(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)),
          m_options(snapOptions(params())),
          m_beta(params().real("beta", 1, 1e9)),
          m_exact(params().flag("exact_budget")),
          m_flatRegime(params().flag("flat_regime")),
          m_compat(compatKvpress(params()))
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
        const core::LayerData& data = input.data;
        if (budget.capacity(data.n) >= data.n)
            return keepAll(input);
        const LayerPlace place = layerPlace(input);
        const PyramidRequest request{
            data.n,      budget.capacity(data.n), observationWindow(data, m_options.window).size, place.layers, m_beta,
            m_flatRegime};
        bool fellBack = false;
        const std::vector<std::int64_t> schedule = capacities(request, budget, fellBack);
        const std::int64_t capacity = schedule[static_cast<std::size_t>(place.layer)];
        const std::vector<std::int64_t> heads(static_cast<std::size_t>(data.heads.kvHeads()), capacity);
        LayerPlan plan = snapPlan(input, m_options, heads);
        plan.facts["layer_budget"] = static_cast<double>(capacity);
        addFlag(plan, "pyramid_fell_back", fellBack);
        return plan;
    }

private:
    [[nodiscard]] std::vector<std::int64_t> capacities(const PyramidRequest& request, const Budget& budget,
                                                       bool& fellBack) const
    {
        if (m_compat) {
            KvpressPyramid pyramid = kvpressPyramid(request, kvpressKept(budget, request.n));
            fellBack = pyramid.fellBack;
            return std::move(pyramid.capacities);
        }
        return m_exact ? exactPyramid(request) : factoryPyramid(request);
    }

    SnapOptions m_options;
    double m_beta;
    bool m_exact, m_flatRegime, m_compat;
};

std::vector<ParamSpec> pyramidkvParams()
{
    std::vector<ParamSpec> params = snapParams();
    params.push_back(
        {"beta", "20", "the first layer's C - w is 2 beta - 1 times the last one's; from 1, which is flat", {}});
    params.push_back({"exact_budget",
                      "true",
                      "the layers together keep L C; false: KVCache-Factory's integer step",
                      {"true", "false"}});
    params.push_back(
        {"flat_regime", "false", "C in every layer when n < 2 (C - w), as in KVCache-Factory", {"true", "false"}});
    params.push_back(
        {"compat", "none", "kvpress: its schedule and rounding in place of the others", {"none", "kvpress"}});
    return params;
}

const MethodInfo& pyramidkvInfo()
{
    static const MethodInfo info{
        .name = "pyramidkv",
        .title = "PyramidKV",
        .klass = "E",
        .acts = "prefill end",
        .idea = "SnapKV's choice with more tokens in lower layers and fewer in deeper ones, falling along a line.",
        .equation = "B = C-w, min = B/beta, max = 2B-min (at most n-w, then min = 2B-max); layer l keeps the best "
                    "max - l (max-min)/(L-1) by SnapKV's score and the last w",
        .source = "Cai et al. 2024, arXiv 2406.02069; schedules of KVCache-Factory, AdaKV and kvpress 0.5.5",
        .params = pyramidkvParams(),
        .presets = {
            {"factory",
             {{"window", "8"}, {"kernel", "7"}, {"pool", "max"}, {"exact_budget", "false"}, {"flat_regime", "true"}}},
            {"adakv",
             {{"window", "32"}, {"kernel", "7"}, {"pool", "max"}, {"exact_budget", "false"}, {"flat_regime", "false"}}},
            {"kvpress",
             {{"window", "64"}, {"kernel", "5"}, {"pool", "avg"}, {"order", "pool_reduce"}, {"compat", "kvpress"}}}}};
    return info;
}

} // namespace

MethodEntry pyramidkvEntry() { return entryOf<PyramidKv>(pyramidkvInfo); }

} // namespace kvviz::compress
