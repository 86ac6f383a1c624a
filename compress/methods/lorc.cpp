// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 7.1. The rank rule is second-hand there and says so wherever it is shown.
#include "compress/methods/entries.hpp"

#include "compress/changed_plans.hpp"
#include "compress/low_rank.hpp"
#include "compress/low_rank_cache.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::compress {
namespace {

class Lorc final : public MethodBase {
public:
    Lorc(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_progressive(params().flag("progressive")),
          m_smallest(params().real("d_min", 0, 1))
    {
        if (params().text("rank") != "ratio")
            m_rank = params().integer("rank", 1);
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::keys | core::Need::values; }
    [[nodiscard]] BudgetUse budgetUse() const override { return m_rank ? BudgetUse::fixed : BudgetUse::follows; }
    [[nodiscard]] std::string obstacle(const core::CaptureInfo& info, const core::ModelTables* tables) const override
    {
        return lowRankObstacle(info, tables, sourceFor(tables));
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const core::LayerData& data = input.data;
        const std::int64_t width = std::int64_t{data.heads.kvHeads()} * data.headDim;
        const LowRankSource source = sourceFor(input.tables);
        const std::int64_t rank = rankOf(input, budget, width);
        LayerPlan plan = keepAll(input);
        plan.facts["rank"] = static_cast<double>(rank);
        addFlag(plan, "rank_exceeds_width", m_rank && *m_rank > width);
        if (rank >= width)
            return plan; // stored as it is
        addFlag(plan, "data_optimal_bound", source == LowRankSource::prompt);
        LowRankForms forms = lowRankForms(input, info().name, source, rank, rank);
        const std::vector<std::int32_t> always(static_cast<std::size_t>(data.heads.kvHeads() * data.total()), 0);
        setChange(plan, {.key = std::move(forms.key), .value = std::move(forms.value), .keyFrom = always,
                         .valueFrom = always, .shift = {}},
                  data.t);
        plan.bytes = static_cast<double>(data.n * rank * 2 * 2);
        return plan;
    }

private:
    static LowRankSource sourceFor(const core::ModelTables* tables)
    {
        return tables && tables->weights ? LowRankSource::weights : LowRankSource::prompt;
    }

    /// Of this layer. Without the weights the condition numbers are unknown, so all layers get the same.
    [[nodiscard]] std::int64_t rankOf(const LayerInput& input, const Budget& budget, std::int64_t width) const
    {
        const double limit = static_cast<double>(width);
        const double mean = m_rank ? static_cast<double>(std::min(*m_rank, width))
                                   : budget.nominalRatio(input.data.n) * limit;
        const bool table = sourceFor(input.tables) == LowRankSource::weights;
        if (!m_progressive || !table || input.data.layer >= input.tables->weights->layers)
            return std::clamp(static_cast<std::int64_t>(std::floor(mean + 1e-9)), std::int64_t{1}, width);
        const std::vector<double> conditions = cumulativeLogConditions(*input.tables->weights);
        return progressiveRanks(conditions, mean, m_smallest, width)[static_cast<std::size_t>(input.data.layer)];
    }

    /// ln prod_{j >= l} kappa(W_K^j) kappa(W_V^j). [L]
    static std::vector<double> cumulativeLogConditions(const core::WeightFactors& weights)
    {
        std::vector<double> sums(static_cast<std::size_t>(weights.layers));
        double sum = 0;
        for (int layer = weights.layers; layer-- > 0;) {
            sum += logCondition(weights.keySingular, layer, weights.kvWidth)
                   + logCondition(weights.valueSingular, layer, weights.kvWidth);
            sums[static_cast<std::size_t>(layer)] = sum;
        }
        return sums;
    }

    /// Singular values that are 0 in float do not count: the matrix has that much less rank.
    static double logCondition(const std::vector<double>& singular, int layer, int width)
    {
        const auto first = singular.begin() + std::ptrdiff_t{layer} * width;
        const double largest = *first, floor = largest * 1e-7;
        double smallest = largest;
        for (auto value = first; value != first + width; ++value)
            smallest = *value > floor ? std::min(smallest, *value) : smallest;
        return smallest > 0 ? std::log(largest / smallest) : 0.0;
    }

    bool m_progressive;
    double m_smallest;
    std::optional<std::int64_t> m_rank;
};

const MethodInfo& lorcInfo()
{
    static const MethodInfo info{
        .name = "lorc",
        .title = "LoRC",
        .klass = "R",
        .acts = "prefill and each step",
        .idea = "Cuts the key and value projections to their largest singular values, so that each token stores fewer "
                "numbers; shallow layers keep most. With a table of the model's weights the projector is theirs; "
                "without one it is that of the captured prompt, which no projector of the rank beats on it: a bound, "
                "not LoRC.",
        .equation = "K~^ = K~ V_r V_r^T before RoPE, V^ likewise; rank_l = d_max - (d_max - d_min) (max ln k - ln k_l)/"
                    "(max ln k - min ln k), k_l = prod_{j>=l} cond(W_K^j) cond(W_V^j) (rank rule second-hand, not "
                    "verified)",
        .source = "Zhang et al. 2024, arXiv 2410.03111, from its abstract and published notes; no reference code, and "
                  "its rank formula could not be verified",
        .params = {{"rank", "ratio", "mean rank over all layers: ratio, of the budget, or a number up to G d", {}},
                   {"progressive", "true", "ranks by cumulative condition number; false: the same in all layers",
                    {"true", "false"}},
                   {"d_min", "0.5", "smallest rank as a fraction of the mean one", {}}},
        .presets = {{"uniform", {{"progressive", "false"}}}}};
    return info;
}

} // namespace

MethodEntry lorcEntry() { return entryOf<Lorc>(lorcInfo); }

} // namespace kvviz::compress
