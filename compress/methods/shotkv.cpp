// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.8. The paper leaves several points open; each is a named parameter whose default is the literal reading.
#include "compress/methods/entries.hpp"

#include "compress/method_base.hpp"
#include "compress/shotkv_decode.hpp"
#include "compress/shots.hpp"
#include "compress/window_scores.hpp"

#include <algorithm>

namespace kvviz::compress {
namespace {

class ShotKv final : public MethodBase {
public:
    ShotKv(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_acc(params().text("acc")), m_frame(params().text("frame")),
          m_window(params().integer("window", 1)), m_skip(params().text("overflow") == "skip"),
          m_minOne(params().flag("min_one")), m_decode(params().flag("decode")), m_recall(params().flag("recall"))
    {
        if (params().text("decode_ratio") != "same")
            m_decodeRatio = params().real("decode_ratio", 0.0, 1.0);
    }
    [[nodiscard]] core::Need needs() const override
    {
        return (m_acc == "window" ? core::Need::windowRows : core::Need::stats)
               | (m_decode ? core::Need::decodeRows : core::Need::none);
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        LayerPlan plan = prefillPlan(input, budget);
        const core::LayerData& data = input.data;
        if (m_decode && data.t > 0) {
            const double ratio = m_decodeRatio.value_or(budget.nominalRatio(data.n));
            const std::vector<std::uint8_t> mask = shotDecodeMask(data, plan.kept.front(), ratio, m_recall);
            for (int kvHead = 0; kvHead < data.heads.kvHeads(); ++kvHead)
                plan.keptDecode.insert(plan.keptDecode.end(), mask.begin(), mask.end());
        }
        return plan;
    }

private:
    [[nodiscard]] LayerPlan prefillPlan(const LayerInput& input, const Budget& budget) const
    {
        const core::LayerData& data = input.data;
        const std::int64_t capacity = budget.capacity(data.n);
        if (capacity >= data.n)
            return keepAll(input);
        PromptUnits units = promptUnits(input.segments, data.n);
        if (units.shots.empty()) { // nothing that could be dropped as a whole
            LayerPlan plan = keepAll(input);
            addFlag(plan, "no_shots");
            return plan;
        }
        const std::int64_t frameTokens = std::ssize(units.frame);
        if (m_frame == "as_unit" && frameTokens > 0)
            units.shots.push_back(std::exchange(units.frame, {}));
        const std::int64_t room = m_frame == "keep_charged" ? capacity - frameTokens : capacity;
        LayerPlan plan = chooseShots(input, units, room);
        addFlag(plan, "frame_exceeds_budget", m_frame == "keep_charged" && room <= 0);
        addFlag(plan, kFlagWindowClamped, m_acc == "window" && observationWindow(data, m_window).clamped);
        return plan;
    }

    [[nodiscard]] LayerPlan chooseShots(const LayerInput& input, const PromptUnits& units, std::int64_t room) const
    {
        const std::vector<double> scores = unitScores(units.shots, tokenScores(input.data));
        UnitChoice choice = chooseUnits(scores, units.shots, room, m_skip);
        const bool differs = chooseUnits(scores, units.shots, room, !m_skip).chosen != choice.chosen;
        const bool nothing = choice.chosen.empty();
        if (nothing && m_minOne)
            choice.chosen.push_back(
                static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin()));
        TopK kept{units.frame, choice.tiesAtCut};
        for (const std::size_t shot : choice.chosen)
            kept.positions.insert(kept.positions.end(), units.shots[shot].begin(), units.shots[shot].end());
        std::sort(kept.positions.begin(), kept.positions.end());
        LayerPlan plan = sharedPlan(input, kept);
        addFlag(plan, "no_shot_fits", nothing);
        addFlag(plan, "min_one_used", nothing && m_minOne);
        addFlag(plan, "overflow_rules_differ", differs);
        return plan;
    }

    /// alpha of Eq. 3 summed over all query heads of the layer. [n]
    [[nodiscard]] std::vector<double> tokenScores(const core::LayerData& data) const
    {
        std::vector<double> scores(static_cast<std::size_t>(data.n), 0.0);
        for (int head = 0; head < data.heads.queryHeads(); ++head) {
            if (m_acc == "window") {
                const auto row = windowScores(data, head, observationWindow(data, m_window).size, data.n);
                std::transform(row.begin(), row.end(), scores.begin(), scores.begin(), std::plus<>());
                continue;
            }
            const float* const received = data.received.data() + head * data.total();
            for (std::int64_t key = 0; key < data.n; ++key)
                scores[static_cast<std::size_t>(key)] += received[key];
        }
        if (m_acc == "seen_mean")
            for (std::int64_t key = 0; key < data.n; ++key)
                scores[static_cast<std::size_t>(key)] /= static_cast<double>(data.n - key);
        return scores;
    }

    std::string m_acc, m_frame;
    std::int64_t m_window;
    bool m_skip, m_minOne, m_decode, m_recall;
    std::optional<double> m_decodeRatio;
};

const std::vector<std::string> kTrueFalse{"true", "false"};

std::vector<ParamSpec> shotkvParams()
{
    return {
        {"acc", "all", "queries whose attention is accumulated: all of the prompt, the last `window`, or all divided "
                       "by the number of queries that see the key",
         {"all", "window", "seen_mean"}},
        {"window", "32", "prompt queries under acc=window", {}},
        {"frame", "keep_charged", "tokens outside any shot: kept and charged to the budget, kept for free, or one more "
                                  "unit that competes",
         {"keep_charged", "keep_free", "as_unit"}},
        {"overflow", "stop", "at the first shot that does not fit: stop, or skip it and go on", {"stop", "skip"}},
        {"min_one", "false", "keep the best shot even if none fits", kTrueFalse},
        {"decode", "true", "evict generated tokens too, at each step", kTrueFalse},
        {"decode_ratio", "same", "fraction of the generated tokens kept; same: as for the prompt", {}},
        {"recall", "false", "choose among all generated tokens at each step, not among the survivors", kTrueFalse}};
}

const MethodInfo& shotkvInfo()
{
    static const MethodInfo info{
        .name = "shotkv",
        .title = "ShotKV",
        .klass = "E+",
        .acts = "prefill end and each step",
        .idea = "Keeps or drops whole few-shot examples of the prompt, once; generated tokens are evicted one by one "
                "at each step. One set for all heads of a layer.",
        .equation = "Score(i) = 1/k_i sum_{t in shot i} sum_h alpha[t,h]; best shots while sum k_i <= r n; decode: top "
                    "max(1, ceil(r t)) generated tokens by sum_h alpha of the current query",
        .source = "Liu et al. 2025, arXiv 2502.01941 (v4), from the text; no reference code was published",
        .params = shotkvParams(),
        .presets = {{"window", {{"acc", "window"}}}, {"prefill_only", {{"decode", "false"}}}}};
    return info;
}

} // namespace

MethodEntry shotkvEntry() { return entryOf<ShotKv>(shotkvInfo); }

} // namespace kvviz::compress
