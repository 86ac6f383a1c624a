// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.4, the single cut at the end of prefill.
#include "compress/methods/entries.hpp"

#include "compress/head_groups.hpp"
#include "compress/memo.hpp"
#include "compress/method_base.hpp"
#include "compress/window_scores.hpp"
#include "core/error.hpp"

#include <limits>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

class Tova final : public MethodBase {
public:
    Tova(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)),
          m_protectLast(params().flag("protect_last")),
          m_compat(compatKvpress(params()))
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::windowRows; }

    /// The same for every KV head.
    [[nodiscard]] std::vector<double> scores(const LayerInput& input, int) const override
    {
        return ranking(input)->scores;
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const std::int64_t capacity = budget.capacity(input.data.n, m_compat);
        if (capacity >= input.data.n)
            return keepAll(input);
        return sharedPlan(input, topOf(*ranking(input), capacity));
    }

private:
    [[nodiscard]] std::shared_ptr<const Ranking> ranking(const LayerInput& input) const
    {
        return memoised(input, fmt::format("tova/{}", m_protectLast), [&] { return rank(lastQuery(input.data)); });
    }

    /// Attention of the last prompt query, mean over all query heads of the layer. [n]
    [[nodiscard]] std::vector<double> lastQuery(const core::LayerData& data) const
    {
        if (data.w < 1)
            throw core::Error(
                core::ErrorCode::badInput,
                fmt::format("tova: layer {} holds no window rows, so the last prompt query is not there", data.layer));
        std::vector<std::vector<double>> heads;
        for (int head = 0; head < data.heads.queryHeads(); ++head)
            heads.push_back(windowScores(data, head, 1, data.n));
        std::vector<double> result = reduceScores(heads, Reduce::mean);
        if (m_protectLast)
            result.back() = std::numeric_limits<double>::infinity();
        return result;
    }

    bool m_protectLast, m_compat;
};

const MethodInfo& tovaInfo()
{
    static const MethodInfo info{
        .name = "tova",
        .title = "TOVA (prefill end)",
        .klass = "E",
        .acts = "prefill end",
        .idea =
            "The last prompt query alone decides, all heads together: one set of keys for the whole layer, no window, "
            "no sinks. One single cut; the online method goes on at every step.",
        .equation = "u_j = 1/H sum_h A[h,n-1,j]; S = top-C of u, the same for all heads",
        .source = "Oren et al. 2024, arXiv 2401.06104, at the end of prefill; preset kvpress as in kvpress 0.5.5",
        .params = {{"protect_last", "false", "always keep the last prompt token", {"true", "false"}}, compatParam()},
        .presets = {{"kvpress", {{"protect_last", "true"}, {"compat", "kvpress"}}}}};
    return info;
}

} // namespace

MethodEntry tovaEntry() { return entryOf<Tova>(tovaInfo); }

} // namespace kvviz::compress
