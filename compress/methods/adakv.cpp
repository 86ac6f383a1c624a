// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.9: the budget of a layer shared out over its heads by any method's scores.
#include "compress/methods/entries.hpp"

#include "compress/head_budgets.hpp"
#include "compress/memo.hpp"
#include "compress/method_base.hpp"
#include "compress/pyramid_schedule.hpp"
#include "compress/snap_params.hpp"
#include "compress/snap_select.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

/// "snapkv" takes the window, kernel, ... of this method, the others have their own defaults.
std::string scorerSpecification(const Params& params)
{
    if (params.text("scorer") != "snapkv")
        return params.text("scorer");
    return fmt::format("snapkv:window={},kernel={},pool={},reduce={},order={}", params.text("window"),
                       params.text("kernel"), params.text("pool"), params.text("reduce"), params.text("order"));
}

class AdaKv final : public MethodBase {
public:
    AdaKv(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)),
          m_specification(scorerSpecification(params())),
          m_scorer(makeMethod(m_specification)),
          m_guard(params().text("alloc") == "guard"),
          m_normalize(params().flag("normalize")),
          m_pyramid(params().text("schedule") == "pyramid"),
          m_alpha(params().real("alpha", 0, 1)),
          m_beta(params().real("beta", 1, 1e9)),
          m_skip(params().integer("skip", 0)),
          m_compat(compatKvpress(params()))
    {
        (void)snapOptions(params()); // refuses impossible ones whatever the scorer
    }
    [[nodiscard]] core::Need needs() const override { return m_scorer->needs(); }
    [[nodiscard]] bool usesFuture() const override { return m_scorer->usesFuture(); }
    [[nodiscard]] std::string obstacle(const core::CaptureInfo& info, const core::ModelTables* tables) const override
    {
        return m_scorer->obstacle(info, tables);
    }
    [[nodiscard]] std::vector<double> scores(const LayerInput& input, int kvHead) const override
    {
        return m_scorer->scores(input, kvHead);
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        if (budget.capacity(input.data.n, m_compat) >= input.data.n)
            return keepAll(input);
        const auto heads = memoised(input, "adakv/heads/" + m_specification, [&] { return rankHeads(input); });
        const std::int64_t capacity = capacityOf(input, budget, heads->mostProtected());
        if (capacity < 1)
            return sharedPlan(input, {});
        if (capacity >= input.data.n) // the foot of a pyramid
            return keepAll(input);
        LayerPlan alike = m_scorer->plan(input, {1.0, capacity}); // with the same for every head
        if (capacity <= heads->mostProtected())
            return alike; // nothing to share out
        LayerPlan plan;
        plan.layer = input.data.layer;
        plan.flags = std::move(alike.flags); // what they say of the scores holds here too
        const auto [budgets, ties] = allocate(input, *heads, capacity);
        for (std::size_t head = 0; head < budgets.size(); ++head) {
            TopK chosen = topOf(heads->rankings[head], budgets[head]);
            plan.tiesAtCut += chosen.tiesAtCut;
            plan.kept.push_back(std::move(chosen.positions));
        }
        plan.tiesAtCut = std::max(plan.tiesAtCut, ties); // the cut through all heads may tie as well
        addHeadBudgets(plan);
        return plan;
    }

private:
    struct Heads {
        std::vector<Ranking> rankings;                ///< [G] of all n positions
        std::vector<std::int64_t> protectedPositions; ///< [G] that score +infinity
        [[nodiscard]] std::int64_t mostProtected() const
        {
            return *std::max_element(protectedPositions.begin(), protectedPositions.end());
        }
    };
    struct Allocation {
        std::vector<std::int64_t> budgets; ///< tokens kept, protected ones included [G]
        std::int64_t tiesAtCut = 0;
    };

    [[nodiscard]] Heads rankHeads(const LayerInput& input) const
    {
        Heads heads;
        for (int kvHead = 0; kvHead < input.data.heads.kvHeads(); ++kvHead) {
            const Ranking& ranking = heads.rankings.emplace_back(rank(m_scorer->scores(input, kvHead)));
            heads.protectedPositions.push_back(
                std::count(ranking.scores.begin(), ranking.scores.end(), std::numeric_limits<double>::infinity()));
        }
        return heads;
    }

    /// Tokens a head keeps on average in this layer.
    [[nodiscard]] std::int64_t capacityOf(const LayerInput& input, const Budget& budget, std::int64_t window) const
    {
        const std::int64_t n = input.data.n, capacity = budget.capacity(n, m_compat);
        if (!m_pyramid)
            return capacity;
        const LayerPlace place = layerPlace(input);
        return exactPyramid({n, capacity, window, place.layers, m_beta})[static_cast<std::size_t>(place.layer)];
    }

    [[nodiscard]] Allocation allocate(const LayerInput& input, const Heads& heads, std::int64_t capacity) const
    {
        const auto count = static_cast<std::int64_t>(heads.rankings.size());
        if (input.data.layer < m_skip)
            return {std::vector<std::int64_t>(heads.rankings.size(), capacity), 0};
        const double slack = m_compat ? 0 : 1e-9;
        std::vector<std::int64_t> sure = heads.protectedPositions;
        if (m_guard && m_alpha > 0) {
            const double least = std::floor(m_alpha * static_cast<double>(capacity) + slack);
            for (std::int64_t& tokens : sure)
                tokens = std::max({tokens, static_cast<std::int64_t>(least), std::int64_t{1}});
        }
        const std::int64_t free = count * capacity - std::accumulate(sure.begin(), sure.end(), std::int64_t{0});
        const LayerOrder::Share share = orderOf(input, heads, capacity)->take(sure, free);
        const std::vector<std::int64_t> extra =
            m_guard ? share.counts : mixedBudgets(share.counts, free / count, m_alpha, slack);
        Allocation allocation{sure, share.tiesAtCut};
        for (std::size_t head = 0; head < sure.size(); ++head)
            allocation.budgets[head] += extra[head];
        return allocation;
    }

    [[nodiscard]] std::shared_ptr<const LayerOrder> orderOf(const LayerInput& input, const Heads& heads,
                                                            std::int64_t capacity) const
    {
        std::vector<double> weights(heads.rankings.size(), 1.0);
        if (m_normalize)
            for (std::size_t head = 0; head < weights.size(); ++head)
                weights[head] = topShare(heads.rankings[head], heads.protectedPositions[head], capacity);
        std::string key = "adakv/order/" + m_specification;
        if (m_normalize)
            key += fmt::format("/{}", capacity);
        return memoised(input, key, [&] {
            std::vector<std::vector<double>> scores;
            for (const Ranking& ranking : heads.rankings)
                scores.push_back(ranking.scores);
            return LayerOrder(scores, weights);
        });
    }

    /// Part of the head's summed score that its best `capacity` positions hold, protected ones left out.
    [[nodiscard]] static double topShare(const Ranking& ranking, std::int64_t protectedPositions, std::int64_t capacity)
    {
        const auto score = [&](std::int32_t position) { return ranking.scores[static_cast<std::size_t>(position)]; };
        double top = 0, all = 0;
        for (std::int64_t place = protectedPositions; place < std::ssize(ranking.order); ++place) {
            all += score(ranking.order[static_cast<std::size_t>(place)]);
            if (place < capacity)
                top = all;
        }
        const double share = top / all;
        return std::isfinite(share) ? share : 1.0; // a head without any score
    }

    std::string m_specification;
    std::unique_ptr<const Method> m_scorer;
    bool m_guard, m_normalize, m_pyramid;
    double m_alpha, m_beta;
    std::int64_t m_skip;
    bool m_compat;
};

std::vector<ParamSpec> adakvParams()
{
    std::vector<ParamSpec> params{
        {"scorer",
         "snapkv",
         "the method whose scores decide, at its defaults (snapkv: with the parameters below)",
         {"snapkv", "h2o", "observed_attention", "tova", "knorm", "keydiff", "expected_attention", "lagkv"}},
        {"alloc",
         "mix",
         "mix: every head's share drawn towards the same; guard: a least number for each, as kvpress",
         {"mix", "guard"}},
        {"alpha", "0.2", "mix: part of the budget that all heads get alike; guard: least part of C for each head", {}},
        {"normalize",
         "false",
         "weigh a head by the part of its score that its best C - w hold, for sharing out only",
         {"true", "false"}},
        {"skip", "0", "first layers in which all heads get the same", {}},
        {"schedule",
         "uniform",
         "pyramid: the layers' budgets fall as in PyramidKV (Ada-PyramidKV)",
         {"uniform", "pyramid"}},
        {"beta", "20", "of the pyramid", {}}};
    for (ParamSpec& spec : snapParams())
        params.push_back(std::move(spec));
    params.push_back(compatParam());
    return params;
}

const MethodInfo& adakvInfo()
{
    static const MethodInfo info{
        .name = "adakv",
        .title = "AdaKV",
        .klass = "E",
        .acts = "prefill end",
        .idea =
            "All heads of a layer compete for one budget: a head whose scores are spread out gets more tokens than one "
            "that looks at few. Works on the scores of any method.",
        .equation = "B = C-w, cnt_h = part of the layer's best G B scores in head h; mix: head h keeps its best "
                    "round((1-alpha) cnt_h + floor(alpha B)) and the last w; guard: each head's best floor(alpha C) "
                    "stay, then the best of all heads up to G C",
        .source =
            "Feng et al. 2024, arXiv 2407.11550; mix as in the AdaKV repository (GQA form), guard as in kvpress 0.5.5",
        .params = adakvParams(),
        .presets = {{"factory", {{"window", "8"}, {"kernel", "7"}, {"pool", "max"}, {"normalize", "true"}}},
                    {"kvpress",
                     {{"alloc", "guard"},
                      {"window", "64"},
                      {"kernel", "5"},
                      {"pool", "avg"},
                      {"order", "pool_reduce"},
                      {"compat", "kvpress"}}}}};
    return info;
}

} // namespace

MethodEntry adakvEntry() { return entryOf<AdaKv>(adakvInfo); }

} // namespace kvviz::compress
