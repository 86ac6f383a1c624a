// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.17, O-step: what is lost when nothing is evicted for good, only left unread.
#include "compress/methods/entries.hpp"

#include "compress/kept_sets.hpp"
#include "core/error.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

class OracleStep final : public MethodBase {
public:
    using MethodBase::MethodBase;
    [[nodiscard]] core::Need needs() const override { return core::Need::decodeRows; }
    [[nodiscard]] bool usesFuture() const override { return true; }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const core::LayerData& data = input.data;
        if (data.t == 0)
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("oracle_step looks at the decode rows of layer {}, but there are none; "
                                          "capture with decode steps",
                                          data.layer));
        const std::int64_t capacity = budget.capacity(data.n);
        if (capacity >= data.n)
            return keepAll(input);
        LayerPlan plan;
        plan.layer = data.layer;
        plan.keptDecode.assign(static_cast<std::size_t>(data.heads.kvHeads() * data.t * data.total()), 0);
        std::int64_t read = 0;
        for (int kvHead = 0; kvHead < data.heads.kvHeads(); ++kvHead)
            read += planHead(data, kvHead, capacity, plan);
        plan.facts["keys_read"] = static_cast<double>(read) / data.heads.kvHeads();
        return plan;
    }

private:
    /// Returns how many prompt keys some query reads.
    static std::int64_t planHead(const core::LayerData& data, int kvHead, std::int64_t capacity, LayerPlan& plan)
    {
        std::vector<std::uint8_t> read(static_cast<std::size_t>(data.n), 0);
        for (std::int64_t step = 0; step < data.t; ++step) {
            std::uint8_t* const visible = plan.keptDecode.data() + (kvHead * data.t + step) * data.total();
            TopK best = topK(groupRow(data, kvHead, step), capacity);
            for (const std::int32_t key : best.positions)
                visible[key] = read[static_cast<std::size_t>(key)] = 1;
            std::fill(visible + data.n, visible + data.n + step + 1, std::uint8_t{1});
            if (step > 0)
                continue;
            plan.tiesAtCut += best.tiesAtCut;
            plan.kept.push_back(std::move(best.positions));
        }
        return std::count(read.begin(), read.end(), 1);
    }

    /// Attention of one query on the prompt, summed over the heads of the group. [n]
    static std::vector<double> groupRow(const core::LayerData& data, int kvHead, std::int64_t step)
    {
        std::vector<double> sum(static_cast<std::size_t>(data.n), 0.0);
        for (int r = 0; r < data.heads.groupSize(); ++r)
            std::transform(sum.begin(), sum.end(), data.decodeRow(data.heads.firstQueryHead(kvHead) + r, step),
                           sum.begin(), std::plus<>());
        return sum;
    }
};

const MethodInfo& oracleStepInfo()
{
    static const MethodInfo info{
        .name = "oracle_step",
        .title = "Oracle (each step)",
        .klass = "E+",
        .acts = "each step, uses the future",
        .idea = "Each query reads the prompt keys it attends to most, and nothing is ever evicted. No method that lets "
                "a query see as many prompt keys loses less; the gap between the mass oracle and this one is the price "
                "of evicting for good.",
        .equation = "S_q = top-C of sum_{h in g} A[h,q,j] over the prompt, for each query q; generated keys all stay",
        .source = "upper bound, defined in docs/methods.md",
        .params = {},
        .presets = {}};
    return info;
}

} // namespace

MethodEntry oracleStepEntry() { return entryOf<OracleStep>(oracleStepInfo); }

} // namespace kvviz::compress
