// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md section 8. Alone, or over the tokens that an eviction keeps.
#include "compress/methods/entries.hpp"

#include "compress/changed_plans.hpp"
#include "compress/quantise.hpp"
#include "core/error.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

class Kivi final : public MethodBase {
public:
    Kivi(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_bits(static_cast<int>(params().integer("bits", 1, 8))),
          m_group(params().integer("group", 1)), m_residual(params().integer("residual", 1))
    {
        if (m_residual % m_group != 0)
            throw core::Error(core::ErrorCode::usage,
                              fmt::format("kivi: the residual length ({}) must be a multiple of the group size ({})",
                                          m_residual, m_group));
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::keys | core::Need::values; }
    [[nodiscard]] BudgetUse budgetUse() const override { return BudgetUse::fixed; }
    [[nodiscard]] bool composes() const override { return true; }
    [[nodiscard]] std::string obstacle(const core::CaptureInfo& info, const core::ModelTables*) const override
    {
        return groupObstacle(info.model.headDim);
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget&) const override
    {
        const core::LayerData& data = input.data;
        if (const std::string reason = groupObstacle(data.headDim); !reason.empty())
            throw core::Error(core::ErrorCode::usage, "kivi: " + reason);
        LayerPlan plan = planOver(input);
        addFlag(plan, "group_exceeds_head", m_group > data.headDim);
        addFlag(plan, "residual_counts_all_generated", !plan.keptDecode.empty());
        ChangedCache change = unseenChange(data);
        double bytes = 0;
        for (int kvHead = 0; kvHead < data.heads.kvHeads(); ++kvHead) {
            const auto& kept = plan.kept[static_cast<std::size_t>(kvHead)];
            const std::vector<std::int32_t> order = cacheOrder(data, kept);
            const std::int64_t head = kvHead * data.total();
            changeKeys(order, std::ssize(kept), change.key.data() + head * data.headDim, change.keyFrom.data() + head,
                       data);
            changeValues(order, std::ssize(kept), change.value.data() + head * data.headDim,
                         change.valueFrom.data() + head, data);
            bytes += headBytes(std::ssize(kept), data.headDim);
        }
        setChange(plan, std::move(change), data.t);
        plan.bytes = bytes;
        return plan;
    }

private:
    [[nodiscard]] std::string groupObstacle(int headDim) const
    {
        return m_group <= headDim && headDim % m_group != 0
                   ? fmt::format("its value groups of {} channels do not divide a head of {}", m_group, headDim)
                   : "";
    }
    [[nodiscard]] int valueGroup(int headDim) const
    {
        return static_cast<int>(std::min<std::int64_t>(m_group, headDim));
    }

    /// Keys are quantized in blocks of the residual length: those of the prompt at once, a later one after the logits
    /// of the step that fills it, so that the next step is the first to see it. `keys` and `from` are this head's.
    void changeKeys(const std::vector<std::int32_t>& order, std::int64_t prompt, float* keys, std::int32_t* from,
                    const core::LayerData& data) const
    {
        std::vector<float*> rows;
        for (std::int64_t end = m_residual; end <= std::ssize(order); end += m_residual) {
            const std::int64_t step = std::max<std::int64_t>(0, end - prompt);
            if (step >= data.t)
                break;
            for (std::int64_t first = end - m_residual; first < end; first += m_group) {
                rows.clear();
                for (std::int64_t i = first; i < first + m_group; ++i) {
                    const std::int32_t token = order[static_cast<std::size_t>(i)];
                    rows.push_back(keys + static_cast<std::int64_t>(token) * data.headDim);
                    from[token] = static_cast<std::int32_t>(step);
                }
                quantiseTokens(rows, data.headDim, m_bits);
            }
        }
    }

    /// The newest values stay exact; each step quantizes the oldest of them after its own output.
    void changeValues(const std::vector<std::int32_t>& order, std::int64_t prompt, float* values, std::int32_t* from,
                      const core::LayerData& data) const
    {
        const auto width = static_cast<std::size_t>(data.headDim);
        for (std::int64_t i = 0; i < std::ssize(order); ++i) {
            const std::int64_t step = std::max<std::int64_t>(0, i + m_residual + 1 - prompt);
            if (step >= data.t)
                break;
            const std::int32_t token = order[static_cast<std::size_t>(i)];
            from[token] = static_cast<std::int32_t>(step);
            quantiseChannels({values + static_cast<std::int64_t>(token) * data.headDim, width},
                             valueGroup(data.headDim), m_bits);
        }
    }

    /// Of a head that holds `tokens` prompt tokens, right after prefill.
    [[nodiscard]] double headBytes(std::int64_t tokens, int headDim) const
    {
        const std::int64_t keys = tokens - tokens % m_residual, values = std::max<std::int64_t>(0, tokens - m_residual);
        return headDim
               * (static_cast<double>(keys) * quantisedBytes(m_bits, m_group)
                  + static_cast<double>(values) * quantisedBytes(m_bits, valueGroup(headDim))
                  + 2.0 * static_cast<double>(2 * tokens - keys - values));
    }

    int m_bits;
    std::int64_t m_group, m_residual;
};

const MethodInfo& kiviInfo()
{
    static const MethodInfo info{
        .name = "kivi",
        .title = "KIVI",
        .klass = "Q",
        .acts = "each step",
        .idea = "Stores keys and values with 2 or 4 bits an element: keys share a scale along tokens, because their "
                "outliers sit in channels, values along channels. The newest tokens stay exact.",
        .equation = "scale = (max - min)/(2^b - 1); x^ = round((x - min)/scale) scale + min; keys: g tokens of a "
                    "channel, values: g channels of a token; exact: keys n mod Rl, values the newest Rl",
        .source = "Liu et al. 2024, arXiv 2402.02750; residual rules as in the published code",
        .params = {{"bits", "2", "bits of a code, 1 to 8; the paper has 2 and 4", {}},
                   {"group", "32", "elements that share scale and minimum: tokens for keys, channels for values", {}},
                   {"residual", "128", "newest tokens that stay exact; a multiple of group", {}}},
        .presets = {{"bits4", {{"bits", "4"}}},
                    {"code", {{"bits", "2"}, {"group", "128"}, {"residual", "128"}}},
                    {"readme", {{"bits", "2"}, {"group", "32"}, {"residual", "32"}}}}};
    return info;
}

} // namespace

MethodEntry kiviEntry() { return entryOf<Kivi>(kiviInfo); }

} // namespace kvviz::compress
