// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 7.2, with the initialisation of the low-rank maps: the fine-tuned ones were not published.
#include "compress/methods/entries.hpp"

#include "compress/changed_plans.hpp"
#include "compress/low_rank_cache.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::compress {
namespace {

class Cskv final : public MethodBase {
public:
    Cskv(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_keyDensity(densityOf("density_k")),
          m_valueDensity(densityOf("density_v")), m_scaled(params().text("init") == "asvd"),
          m_blocks(params().text("mode") == "block"), m_window(params().integer("window", m_blocks ? 1 : 0))
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::keys | core::Need::values; }
    [[nodiscard]] BudgetUse budgetUse() const override
    {
        return m_keyDensity && m_valueDensity ? BudgetUse::fixed : BudgetUse::follows;
    }
    [[nodiscard]] std::string obstacle(const core::CaptureInfo& info, const core::ModelTables* tables) const override
    {
        return lowRankObstacle(info, tables, sourceFor(tables));
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const core::LayerData& data = input.data;
        const double ratio = budget.nominalRatio(data.n);
        const std::int64_t width = std::int64_t{data.heads.kvHeads()} * data.headDim;
        LayerPlan plan = keepAll(input);
        const std::int64_t keyRank = rankOf(m_keyDensity.value_or(ratio), data, plan);
        const std::int64_t valueRank = rankOf(m_valueDensity.value_or(ratio), data, plan);
        plan.facts["rank_key"] = static_cast<double>(keyRank);
        plan.facts["rank_value"] = static_cast<double>(valueRank);
        if (keyRank >= width && valueRank >= width)
            return plan; // stored as it is
        const LowRankSource source = sourceFor(input.tables);
        addFlag(plan, "data_optimal_bound", source == LowRankSource::prompt);
        LowRankForms forms = lowRankForms(input, info().name, source, keyRank, valueRank);
        const std::vector<std::int32_t> from = firstSteps(data);
        ChangedCache change{.key = std::move(forms.key), .value = std::move(forms.value), .keyFrom = from,
                            .valueFrom = from, .shift = {}};
        if (keyRank >= width) // all of it: the captured form, without rounding
            change.keyFrom.assign(from.size(), static_cast<std::int32_t>(data.t));
        if (valueRank >= width)
            change.valueFrom.assign(from.size(), static_cast<std::int32_t>(data.t));
        setChange(plan, std::move(change), data.t);
        const std::int64_t exact = m_blocks ? data.n % m_window : std::min(data.n, m_window);
        plan.bytes = static_cast<double>(2 * data.n * (keyRank + valueRank) + 2 * 2 * exact * width);
        return plan;
    }

private:
    /// Nothing: the ratio of the run.
    [[nodiscard]] std::optional<double> densityOf(std::string_view name) const
    {
        const std::string_view which = params().text(name) == "density" ? std::string_view("density") : name;
        if (params().text(which) == "ratio")
            return std::nullopt;
        return params().real(which, 0, 1);
    }

    [[nodiscard]] LowRankSource sourceFor(const core::ModelTables* tables) const
    {
        if (m_scaled)
            return LowRankSource::scaledWeights;
        return tables && tables->weights ? LowRankSource::weights : LowRankSource::prompt;
    }

    /// floor(density d) G, at least one direction a head.
    static std::int64_t rankOf(double density, const core::LayerData& data, LayerPlan& plan)
    {
        const auto perHead = static_cast<std::int64_t>(std::floor(density * data.headDim + 1e-9));
        addFlag(plan, "rank_raised_to_one", perHead < 1);
        return std::max<std::int64_t>(1, perHead) * data.heads.kvHeads();
    }

    /// Sliding: a query sees the newest tokens up to itself exactly. Block: a block is cut after the step that
    /// completes it. [G, T]
    [[nodiscard]] std::vector<std::int32_t> firstSteps(const core::LayerData& data) const
    {
        std::vector<std::int32_t> from;
        for (int kvHead = 0; kvHead < data.heads.kvHeads(); ++kvHead)
            for (std::int64_t token = 0; token < data.total(); ++token) {
                const std::int64_t step = (m_blocks ? (token / m_window + 1) * m_window : token + m_window) - data.n;
                from.push_back(static_cast<std::int32_t>(std::clamp<std::int64_t>(step, 0, data.t)));
            }
        return from;
    }

    std::optional<double> m_keyDensity, m_valueDensity;
    bool m_scaled, m_blocks;
    std::int64_t m_window;
};

const MethodInfo& cskvInfo()
{
    static const MethodInfo info{
        .name = "cskv",
        .title = "CSKV",
        .klass = "R",
        .acts = "prefill end and each step",
        .idea = "Stores each token through low-rank key and value projections and keeps the newest tokens exactly as "
                "well. The published maps are fine-tuned; this is their initialisation, from a table of the model's "
                "weights or, without one, from the captured prompt, which no map of the rank beats on it.",
        .equation = "rank = floor(density d) G; K~^ = sum_{i<rank} read_i (write_i . K~) before RoPE, V^ likewise; the "
                    "newest w tokens exact",
        .source = "Wang et al. 2024, arXiv 2409.10593, and its published code",
        .params = {{"density", "ratio", "rank over width: ratio, of the budget, or a number", {}},
                   {"density_k", "density", "the same for keys: density, ratio or a number", {}},
                   {"density_v", "density", "the same for values", {}},
                   {"init", "svd", "singular vectors of the weights, or of the weights scaled by activations",
                    {"svd", "asvd"}},
                   {"window", "32", "newest tokens that are exact as well", {}},
                   {"mode", "sliding", "the newest tokens: the last `window` (paper), or those of the block not yet "
                                       "full (code)",
                    {"sliding", "block"}}},
        .presets = {{"paper80", {{"density", "0.2"}}},
                    {"readme", {{"density", "0.5"}, {"mode", "block"}}},
                    {"trainer", {{"density_k", "0.25"}, {"density_v", "0.75"}, {"mode", "block"}}}}};
    return info;
}

} // namespace

MethodEntry cskvEntry() { return entryOf<Cskv>(cskvInfo); }

} // namespace kvviz::compress
