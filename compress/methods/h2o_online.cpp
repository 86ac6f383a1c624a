// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.3, evicting at each step; the policies are in compress/h2o_steps.
#include "compress/methods/entries.hpp"

#include "compress/h2o_steps.hpp"
#include "compress/kept_sets.hpp"

namespace kvviz::compress {
namespace {

class H2oOnline final : public MethodBase {
public:
    H2oOnline(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_compat(params().text("compat")),
          m_heavy(params().real("heavy", 0.0, 1.0)), m_reduce(reduceFromName(params().text("reduce")))
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::stats | core::Need::decodeRows; }
    [[nodiscard]] bool usesFuture() const override { return m_compat == "lm_eval"; }
    [[nodiscard]] std::string liveObstacle() const override
    {
        return m_compat == "hf" ? "compat=hf hides keys and lets them return, and a live run frees what it evicts"
                                : MethodBase::liveObstacle();
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const core::LayerData& data = input.data;
        const std::int64_t capacity = budget.capacity(data.n);
        if (capacity >= data.n)
            return keepAll(input);
        const H2oSizes sizes = sizesOf(capacity);
        LayerPlan plan;
        plan.layer = data.layer;
        plan.facts = {{"heavy", static_cast<double>(sizes.heavy)}, {"recent", static_cast<double>(sizes.recent)}};
        for (int kvHead = 0; kvHead < data.heads.kvHeads(); ++kvHead) {
            OnlineHead head = m_compat == "hf"        ? h2oHf(data, kvHead, sizes, m_reduce)
                              : m_compat == "lm_eval" ? h2oLookAhead(data, kvHead, sizes, m_reduce)
                                                      : OnlineHead{h2oPromptCut(data, kvHead, sizes, m_reduce), {}};
            plan.tiesAtCut += head.kept.tiesAtCut;
            plan.kept.push_back(std::move(head.kept.positions));
            plan.keptDecode.insert(plan.keptDecode.end(), head.mask.begin(), head.mask.end());
        }
        return plan;
    }
    [[nodiscard]] StepRules decodeRules(const LayerInput& input, const LayerPlan& plan,
                                        const Budget& budget) const override
    {
        const std::int64_t capacity = budget.capacity(input.data.n);
        if (m_compat != "none" || capacity >= input.data.n)
            return {};
        return h2oRules(input.data, plan, sizesOf(capacity), m_reduce);
    }

private:
    /// The reference code rounds both parts down, which may leave a token unused.
    [[nodiscard]] H2oSizes sizesOf(std::int64_t capacity) const
    {
        const std::int64_t heavy = keepCount(capacity, m_heavy);
        return {heavy, m_compat == "none" ? capacity - heavy : keepCount(capacity, 1.0 - m_heavy)};
    }

    std::string m_compat;
    double m_heavy;
    Reduce m_reduce;
};

const MethodInfo& h2oOnlineInfo()
{
    static const MethodInfo info{
        .name = "h2o_online",
        .title = "H2O (each step)",
        .klass = "E+",
        .acts = "prefill end and each step",
        .idea = "Heavy hitters as the paper has them: attention received adds up, starting with the prompt's sums, and "
                "after each step the key with the least leaves for good. The last tokens are protected.",
        .equation = "Sc_j += a_j after each query, a: attention on the keys still there; S = last rec + top-hh of Sc, "
                    "hh = heavy C, rec = C - hh",
        .source = "Zhang et al. 2023, arXiv 2306.14048; compat=hf: utils_hh, compat=lm_eval: utils_lm_eval of its "
                  "repository",
        .params = {{"heavy", "0.5", "fraction of the capacity for heavy hitters; the rest holds the latest tokens", {}},
                   {"reduce", "mean", "reduction over the query heads of a KV head", {"mean", "max", "sum"}},
                   {"compat", "none",
                    "none: as the paper; hf: the off-by-one of the reference code; lm_eval: one mask from all queries, "
                    "later ones too (looks ahead)",
                    {"none", "hf", "lm_eval"}}},
        .presets = {{"hf", {{"compat", "hf"}}}, {"lm_eval", {{"compat", "lm_eval"}}}}};
    return info;
}

} // namespace

MethodEntry h2oOnlineEntry() { return entryOf<H2oOnline>(h2oOnlineInfo); }

} // namespace kvviz::compress
