// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.4, evicting at each step.
#include "compress/methods/entries.hpp"

#include "compress/kept_sets.hpp"
#include "compress/online_steps.hpp"
#include "core/error.hpp"

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

class TovaOnline final : public MethodBase {
public:
    TovaOnline(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_protectLast(params().flag("protect_last"))
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::windowRows | core::Need::decodeRows; }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const core::LayerData& data = input.data;
        const std::int64_t capacity = budget.capacity(data.n);
        if (capacity >= data.n)
            return keepAll(input);
        return sharedPlan(input, cut(lastPromptRow(data), capacity, m_protectLast));
    }
    [[nodiscard]] StepRules decodeRules(const LayerInput& input, const LayerPlan&, const Budget& budget) const override
    {
        const std::int64_t capacity = budget.capacity(input.data.n);
        if (capacity >= input.data.n)
            return {};
        return {{[capacity, protectLast = m_protectLast](const OnlineStep& step) {
            return cut(meanRow(step.rows), capacity, protectLast).positions;
        }}};
    }

private:
    /// Places of the keys that stay.
    [[nodiscard]] static TopK cut(std::span<const double> scores, std::int64_t capacity, bool protectLast)
    {
        const std::int64_t keys = std::ssize(scores);
        if (!protectLast || keys == 0)
            return topK(scores, capacity);
        return topAndTail(scores.first(scores.size() - 1), keys, std::min(capacity, keys));
    }

    /// Mean over all heads of the last prompt query's attention. [n]
    [[nodiscard]] static std::vector<double> lastPromptRow(const core::LayerData& data)
    {
        if (data.w == 0)
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("tova_online reads the row of the last prompt query of layer {}, but the "
                                          "capture holds no window rows",
                                          data.layer));
        std::vector<std::vector<double>> rows;
        for (int head = 0; head < data.heads.queryHeads(); ++head) {
            const float* const row = data.windowRow(head, data.w - 1);
            rows.emplace_back(row, row + data.n);
        }
        return meanRow(rows);
    }

    bool m_protectLast;
};

const MethodInfo& tovaOnlineInfo()
{
    static const MethodInfo info{
        .name = "tova_online",
        .title = "TOVA (each step)",
        .klass = "E+",
        .acts = "prefill end and each step",
        .idea = "After each query the key that it attends to least, on average over all heads, leaves for good; the "
                "newest one may be it. Nothing adds up and nothing is protected. One set for all heads of a layer.",
        .equation = "u_j = mean_h a[h,q,j] over the keys still there, the newest too; S = top-C of u",
        .source = "Oren et al. 2024, arXiv 2401.06104, and its TOVACache",
        .params = {{"protect_last", "false", "always keep the newest token, as kvpress does", {"true", "false"}}},
        .presets = {}};
    return info;
}

} // namespace

MethodEntry tovaOnlineEntry() { return entryOf<TovaOnline>(tovaOnlineInfo); }

} // namespace kvviz::compress
