// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.14. Paper and code disagree on whose norm counts, on the ranking and on the threshold; each is a
// parameter.
#include "compress/methods/entries.hpp"

#include "compress/method_base.hpp"
#include "compress/window_scores.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::compress {
namespace {

/// Prompt positions of a KV head: those kept whatever the others are, and the others in the order of the ranking.
struct Ranked {
    std::vector<std::int32_t> always, order;
};

class DBudgetKv final : public MethodBase {
public:
    DBudgetKv(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_threshold(params().real("threshold", 0.0, 1.0)),
          m_sinks(params().integer("sinks", 0)), m_rows(params().integer("rows", 1)),
          m_window(params().integer("window", 1)), m_fullLayers(params().integer("full_layers", 0)),
          m_includeSinks(params().flag("include_sinks")), m_byWindow(params().text("ranking") == "window"),
          m_perHead(params().text("scope") == "head")
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::windowRows; }
    [[nodiscard]] BudgetUse budgetUse() const override { return BudgetUse::finds; }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget&) const override
    {
        const core::LayerData& data = input.data;
        LayerPlan plan = data.layer < m_fullLayers ? keepAll(input) : search(input);
        double kept = 0;
        for (const auto& positions : plan.kept)
            kept += static_cast<double>(positions.size());
        plan.facts["found_ratio"] = kept / static_cast<double>(data.n * data.heads.kvHeads());
        return plan;
    }

private:
    [[nodiscard]] LayerPlan search(const LayerInput& input) const
    {
        const core::LayerData& data = input.data;
        const int kvHeads = data.heads.kvHeads();
        std::vector<Ranked> ranked;
        for (int kvHead = 0; kvHead < kvHeads; ++kvHead)
            ranked.push_back(m_byWindow ? windowRanking(input, kvHead) : positionRanking(data.n));
        LayerPlan plan;
        plan.layer = data.layer;
        addFlag(plan, kFlagWindowClamped, observationWindow(data, std::max(m_rows, m_byWindow ? m_window : 1)).clamped);
        std::int64_t found = m_perHead ? 0 : shortest(plan, data, ranked, 0, kvHeads);
        for (int kvHead = 0; kvHead < kvHeads; ++kvHead) {
            if (m_perHead)
                found = shortest(plan, data, ranked, kvHead, kvHead + 1);
            const Ranked& head = ranked[static_cast<std::size_t>(kvHead)];
            std::vector<std::int32_t> kept = head.always;
            kept.insert(kept.end(), head.order.begin(), head.order.begin() + found);
            std::sort(kept.begin(), kept.end());
            plan.kept.push_back(std::move(kept));
        }
        return plan;
    }

    /// x_1..x_m, then from the last position backwards.
    [[nodiscard]] Ranked positionRanking(std::int64_t n) const
    {
        const std::int64_t sinks = std::min(m_sinks, n);
        Ranked ranked;
        (m_includeSinks ? ranked.order : ranked.always) = positionRange(0, sinks);
        for (std::int64_t position = n; position-- > sinks;)
            ranked.order.push_back(static_cast<std::int32_t>(position));
        return ranked;
    }

    /// The last tokens, then the others by the attention that these pay to them.
    [[nodiscard]] Ranked windowRanking(const LayerInput& input, int kvHead) const
    {
        const std::int64_t n = input.data.n, window = observationWindow(input.data, m_window).size;
        const SnapOptions sums{.window = window, .kernel = 1, .pool = Pool::none, .reduce = Reduce::mean};
        Ranked ranked;
        (m_includeSinks ? ranked.order : ranked.always) = positionRange(n - window, n);
        const auto best = snapRanking(input, kvHead, sums);
        ranked.order.insert(ranked.order.end(), best->order.begin(), best->order.end());
        return ranked;
    }

    /// The length of the shortest part of the rankings, from their best on, whose norm is near enough to the whole. The
    /// norms are means over the query heads of the KV heads [from, to).
    [[nodiscard]] std::int64_t shortest(LayerPlan& plan, const core::LayerData& data, const std::vector<Ranked>& ranked,
                                        int from, int to) const
    {
        const std::int64_t length = std::ssize(ranked.front().order);
        if (length == 0)
            return 0;
        std::vector<double> norms(static_cast<std::size_t>(length), 0.0); // summed over heads; by length - 1
        const std::int64_t rows = observationWindow(data, m_rows).size;
        for (int head = data.heads.firstQueryHead(from); head < data.heads.firstQueryHead(to); ++head) {
            const std::vector<double> attention = windowScores(data, head, rows, data.n);
            const auto& order = ranked[static_cast<std::size_t>(data.heads.kvHeadOf(head))].order;
            double squares = 0;
            for (std::size_t i = 0; i < norms.size(); ++i) {
                const double weight = attention[static_cast<std::size_t>(order[i])];
                squares += weight * weight;
                norms[i] += std::sqrt(squares);
            }
        }
        const double whole = norms.back();
        addFlag(plan, "no_candidate_mass", !(whole > 0));
        if (!(whole > 0)) // nothing to measure by: the code keeps all then
            return length;
        const auto enough = [&](double norm) {
            const double lost = 1 - norm / whole;
            return m_includeSinks ? lost < m_threshold : lost <= m_threshold; // as in the paper, as in the code
        };
        const auto found = std::find_if(norms.begin(), norms.end(), enough);
        return std::min<std::int64_t>(length, found - norms.begin() + 1);
    }

    double m_threshold;
    std::int64_t m_sinks, m_rows, m_window, m_fullLayers;
    bool m_includeSinks, m_byWindow, m_perHead;
};

std::vector<ParamSpec> dbudgetkvParams()
{
    return {
        {"threshold", "0.01", "T: part of the norm of the attention row that may be lost", {}},
        {"sinks", "4", "m: first tokens, first in the positional ranking", {}},
        {"rows", "1", "k: last prompt queries whose mean attention is the row", {}},
        {"include_sinks", "false", "the norm is taken over all tokens (literal formula), else over those that are not "
                                   "kept anyway: sinks, or the window under ranking=window",
         {"true", "false"}},
        {"ranking", "positional", "sinks, then from the last token backwards; or the last `window` tokens, then by the "
                                  "attention they pay",
         {"positional", "window"}},
        {"window", "8", "tokens kept and queries that score under ranking=window", {}},
        {"scope", "layer", "one length for all heads of a layer (norms averaged over heads), or one for each KV head",
         {"layer", "head"}},
        {"full_layers", "2", "first layers of the model, kept whole", {}}};
}

const MethodInfo& dbudgetkvInfo()
{
    static const MethodInfo info{
        .name = "dbudgetkv",
        .title = "DBudgetKV",
        .klass = "E",
        .acts = "prefill end",
        .idea = "Has no budget: keeps sinks and as many of the last tokens as it takes for the last query's attention "
                "to lose almost nothing of its norm. A sliding window that finds its own length, layer by layer.",
        .equation = "shortest i with 1 - |a restricted to the first i ranked| / |a| <= T; a: mean of the last k rows",
        .source = "Ni et al. 2025, arXiv 2502.16886 (later ReFreeKV); which tokens count in the norm by default, and "
                  "preset `code`, as in its published code",
        .params = dbudgetkvParams(),
        .presets = {{"paper", {{"include_sinks", "true"}, {"scope", "head"}}},
                    {"code", {{"ranking", "window"}, {"threshold", "0.05"}, {"full_layers", "0"}}}}};
    return info;
}

} // namespace

MethodEntry dbudgetkvEntry() { return entryOf<DBudgetKv>(dbudgetkvInfo); }

} // namespace kvviz::compress
