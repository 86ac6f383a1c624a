// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.10: SnapKV's choice with a budget for each head from a table made once for the model.
#include "compress/methods/entries.hpp"

#include "compress/head_budgets.hpp"
#include "compress/method_base.hpp"
#include "compress/snap_params.hpp"
#include "compress/snap_select.hpp"
#include "core/error.hpp"

#include <cmath>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

class HeadKv final : public MethodBase {
public:
    HeadKv(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)),
          m_options(snapOptions(params())),
          m_beta(params().real("beta", 1, 1e9)),
          m_temperature(params().real("temp", 0, 100))
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
        const std::int64_t capacity = budget.capacity(data.n);
        const core::HeadImportance* const table = input.tables && input.tables->heads ? &*input.tables->heads : nullptr;
        if (table)
            checkTable(input, *table);
        if (capacity >= data.n)
            return keepAll(input);
        const std::int64_t window = observationWindow(data, m_options.window).size;
        std::vector<std::int64_t> capacities(static_cast<std::size_t>(data.heads.kvHeads()), capacity);
        if (table && capacity > window)
            capacities = fromTable(input, *table, capacity - window, window);
        LayerPlan plan = snapPlan(input, m_options, capacities);
        addFlag(plan, "no_importance_table", !table);
        return plan;
    }

private:
    static void checkTable(const LayerInput& input, const core::HeadImportance& table)
    {
        const core::LayerData& data = input.data;
        const int lastHead = (input.kvHeadNumber(data.heads.kvHeads() - 1) + 1) * data.heads.groupSize();
        const bool fits = input.info
                              ? table.layers == input.info->model.nLayers && table.heads == input.info->model.nHeads
                              : data.layer < table.layers && lastHead <= table.heads;
        if (!fits)
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("the head-importance table is of a model with {} layers and {} query heads, "
                                          "not of the model of this capture",
                                          table.layers, table.heads));
    }

    /// The table speaks of query heads; a KV head gets the mean of its group, rounded half to even. [G]
    [[nodiscard]] std::vector<std::int64_t> fromTable(const LayerInput& input, const core::HeadImportance& table,
                                                      std::int64_t pool, std::int64_t window) const
    {
        const core::HeadMap& heads = input.data.heads;
        const std::vector<std::int64_t> budgets = headkvBudgets(table, pool, m_beta, m_temperature);
        std::vector<std::int64_t> capacities;
        for (int kvHead = 0; kvHead < heads.kvHeads(); ++kvHead) {
            double sum = 0;
            for (int r = 0; r < heads.groupSize(); ++r) {
                const int head = input.kvHeadNumber(kvHead) * heads.groupSize() + r;
                sum += static_cast<double>(budgets[static_cast<std::size_t>(input.data.layer * table.heads + head)]);
            }
            capacities.push_back(std::llround(std::nearbyint(sum / heads.groupSize())) + window);
        }
        return capacities;
    }

    SnapOptions m_options;
    double m_beta, m_temperature;
};

std::vector<ParamSpec> headkvParams()
{
    std::vector<ParamSpec> params = snapParams();
    params.front().defaultValue = "8";
    params.push_back(
        {"beta", "1.01", "floor(B / beta) of each head's B = C - w tokens are pooled; from 1, which pools all", {}});
    params.push_back({"temp", "1", "power of the importance: 0 shares the pool out evenly", {}});
    return params;
}

const MethodInfo& headkvInfo()
{
    static const MethodInfo info{
        .name = "headkv",
        .title = "HeadKV-R2",
        .klass = "E",
        .acts = "prefill end",
        .idea =
            "SnapKV's choice with more tokens for the heads that look at the answer while giving it. How often each "
            "does is measured once for the model and read from a table; without one all heads get the same.",
        .equation =
            "p = (I/sum I)^temp normalised, B = C-w; cap[l,h] = round(p floor(B/beta) L H + B - floor(B/beta)) + w; "
            "a KV head keeps the mean of its group",
        .source =
            "Fu et al. 2024, arXiv 2410.19258; window and beta of KVCache-Factory, formula of the HeadKV repository",
        .params = headkvParams(),
        .presets = {}};
    return info;
}

} // namespace

MethodEntry headkvEntry() { return entryOf<HeadKv>(headkvInfo); }

} // namespace kvviz::compress
