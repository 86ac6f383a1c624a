// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.15: squared attention as the score, one budget for all layers and heads, token by token or in blocks.
#include "compress/methods/entries.hpp"

#include "compress/kvcompress_scores.hpp"
#include "compress/memo.hpp"
#include "compress/method_base.hpp"
#include "compress/pooled_scores.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

/// Costs of the groups of all layers.
struct GroupSurvey final : Survey {
    GroupSurvey(const KvCompressScores& how, std::string who) : scores(how), name(std::move(who)) {}
    void look(const LayerInput& input) override
    {
        requireArrays(input.data, scores.needs(), name);
        for (int kvHead = 0; kvHead < input.data.heads.kvHeads(); ++kvHead)
            pool.add(scores.groupCosts(input, kvHead));
    }
    void finish() override { pool.finish(); }

    KvCompressScores scores;
    std::string name;
    PooledScores pool;
};

class KvCompress final : public MethodBase {
public:
    KvCompress(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_scores(params()), m_global(params().text("scope") == "global")
    {
    }
    [[nodiscard]] core::Need needs() const override { return m_scores.needs(); }
    [[nodiscard]] std::unique_ptr<Survey> makeSurvey() const override
    {
        return m_global ? std::make_unique<GroupSurvey>(m_scores, info().name) : nullptr;
    }
    [[nodiscard]] std::vector<double> scores(const LayerInput& input, int kvHead) const override
    {
        const std::int64_t n = input.data.n, first = m_scores.sinks(n);
        std::vector<double> all(static_cast<std::size_t>(n), std::numeric_limits<double>::infinity());
        const auto ranking = m_scores.evictable(input, kvHead);
        std::copy(ranking->scores.begin(), ranking->scores.end(), all.begin() + first);
        return all;
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const std::int64_t capacity = budget.capacity(input.data.n), block = m_scores.block();
        const std::int64_t rounded = (capacity + block - 1) / block * block;
        LayerPlan plan = planWithin(input, rounded);
        addFlag(plan, kFlagWindowClamped, m_scores.clamped(input.data));
        addHeadBudgets(plan);
        return plan;
    }

private:
    [[nodiscard]] LayerPlan planWithin(const LayerInput& input, std::int64_t capacity) const
    {
        if (capacity >= input.data.n)
            return keepAll(input);
        return m_scores.safeTokens(input.data.n) >= capacity ? protectedOnly(input, capacity)
                                                             : pooled(input, capacity);
    }

    /// The protected tokens take the whole budget: sinks, then the latest.
    [[nodiscard]] LayerPlan protectedOnly(const LayerInput& input, std::int64_t capacity) const
    {
        const std::int64_t n = input.data.n, sinks = std::min(m_scores.sinks(n), capacity);
        TopK kept{positionRange(0, sinks), 0};
        const std::vector<std::int32_t> latest = positionRange(n - (capacity - sinks), n);
        kept.positions.insert(kept.positions.end(), latest.begin(), latest.end());
        LayerPlan plan = sharedPlan(input, kept);
        addFlag(plan, "protected_exceed_budget", m_scores.safeTokens(n) > capacity);
        return plan;
    }

    /// Groups go in the order of their costs until each head has `capacity` tokens on average, in whole blocks.
    [[nodiscard]] LayerPlan pooled(const LayerInput& input, std::int64_t capacity) const
    {
        const int kvHeads = input.data.heads.kvHeads();
        if (m_global) {
            const PooledScores& pool = static_cast<const GroupSurvey&>(*input.survey).pool;
            return planOf(input, pool, capacity, input.slot * kvHeads);
        }
        const auto pool = memoised(input, fmt::format("{}/pool/{}", m_scores.key(), m_scores.block()), [&] {
            GroupSurvey layer(m_scores, info().name);
            layer.look(input);
            layer.finish();
            return layer.pool;
        });
        return planOf(input, *pool, capacity, 0);
    }

    [[nodiscard]] LayerPlan planOf(const LayerInput& input, const PooledScores& pool, std::int64_t capacity,
                                   std::int64_t firstUnit) const
    {
        const std::int64_t n = input.data.n, block = m_scores.block();
        const std::int64_t freed = (n + block - 1) / block - capacity / block; // blocks of a head, on average
        const PooledScores::Shares shares = pool.share(pool.items() - freed * pool.units());
        return planOfHeads(input, [&](int kvHead) {
            const auto unit = static_cast<std::size_t>(firstUnit + kvHead);
            const auto ranking = m_scores.evictable(input, kvHead);
            const std::int64_t gone = m_scores.groupTokens(n, pool.size(unit) - shares.counts.at(unit));
            return TopK{withProtected(topOf(*ranking, std::ssize(ranking->order) - gone).positions, n),
                        shares.ties.at(unit)};
        });
    }

    /// Sinks, the given evictable tokens, and the protected window.
    [[nodiscard]] std::vector<std::int32_t> withProtected(const std::vector<std::int32_t>& evictable,
                                                          std::int64_t n) const
    {
        const std::int64_t sinks = m_scores.sinks(n);
        std::vector<std::int32_t> kept = positionRange(0, sinks);
        for (const std::int32_t item : evictable)
            kept.push_back(static_cast<std::int32_t>(sinks + item));
        const std::vector<std::int32_t> latest = positionRange(n - (m_scores.safeTokens(n) - sinks), n);
        kept.insert(kept.end(), latest.begin(), latest.end());
        return kept;
    }

    KvCompressScores m_scores;
    bool m_global;
};

std::vector<ParamSpec> kvcompressParams()
{
    return {{"metric", "window", "queries whose attention counts: the last `window`, or all from the 10th behind the "
                                 "key on",
             {"window", "full"}},
            {"power", "l2", "sum of squares of the attention, or of the attention itself (metric=window only)",
             {"l2", "l1"}},
            {"window", "8", "prompt queries under metric=window", {}},
            {"kernel", "7", "width of the maximum pooling of each query head under metric=window, odd; 1: none", {}},
            {"protect", "32", "last tokens always kept, within the budget", {}},
            {"sinks", "0", "first tokens always kept, within the budget", {}},
            {"block", "1", "tokens evicted together, in whole blocks of a head; the budget is rounded up to it", {}},
            {"scope", "global", "what shares the budget: all layers and heads, or the heads of a layer",
             {"global", "layer"}}};
}

const MethodInfo& kvcompressInfo()
{
    static const MethodInfo info{
        .name = "kvcompress",
        .title = "KV-Compress",
        .klass = "E",
        .acts = "prefill end",
        .idea = "Squared attention decides, and all layers and heads draw on one budget: heads keep different numbers "
                "of tokens. With blocks, only what frees a whole block of the paged cache is evicted.",
        .equation = "M[g,j] = sum_{h in g} maxpool_7(sum_{q in last w} A[h,q,j]^2), or sum_{q >= j+10} sum_{h in g} "
                    "A[h,q,j]^2; S = top-(C L G) over (l, g, j)",
        .source = "Rehg 2024, arXiv 2410.00161, and its vLLM branch (protected window 32 there, 8 in the paper)",
        .params = kvcompressParams(),
        .presets = {{"paper", {{"block", "16"}, {"protect", "8"}}}, {"full", {{"metric", "full"}}}}};
    return info;
}

} // namespace

MethodEntry kvcompressEntry() { return entryOf<KvCompress>(kvcompressInfo); }

} // namespace kvviz::compress
