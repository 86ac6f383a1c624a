// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.19. Layer sizes are in compress/pyramid_schedule; here are the scores and the sets, which nest.
#include "compress/methods/entries.hpp"

#include "compress/kept_sets.hpp"
#include "compress/online_steps.hpp"
#include "compress/pyramidinfer_schedule.hpp"

#include <algorithm>
#include <deque>
#include <limits>

namespace kvviz::compress {
namespace {

/// Share of a full batch of exceeding tokens that decoding keeps before the layer's own factor (gen_compress_ratio).
constexpr double kGenerationShare = 0.9;

/// Of row i among the last `rows` of a window of `size`, growing from 1 for its first to `last`.
double distanceWeight(std::int64_t i, std::int64_t rows, std::int64_t size, double last)
{
    return size < 2 ? 1.0 : 1.0 + (last - 1.0) * static_cast<double>(size - rows + i) / static_cast<double>(size - 1);
}

std::int64_t recentTokens(std::int64_t n, double ratio) { return keepCount(n, ratio); }

/// Sum of the last recent + 1 prompt rows that the capture holds, weighted and averaged over heads. [n]
std::vector<double> contextScores(const core::LayerData& data, std::int64_t recent, double lastWeight)
{
    const std::int64_t rows = std::min(recent + 1, data.w);
    std::vector<double> scores(static_cast<std::size_t>(data.n), 0.0);
    for (std::int64_t i = 0; i < rows; ++i) {
        const double weight = distanceWeight(i, rows, recent + 1, lastWeight) / data.heads.queryHeads();
        for (int head = 0; head < data.heads.queryHeads(); ++head) {
            const float* const row = data.windowRow(head, data.w - rows + i);
            for (std::size_t key = 0; key < scores.size(); ++key)
                scores[key] += weight * row[key];
        }
    }
    return scores;
}

/// Scores of every layer: a set is chosen by the layer before the one that holds it.
struct PyramidSurvey final : Survey {
    PyramidSurvey(double ratio, double weight) : recentRatio(ratio), lastWeight(weight) {}
    void look(const LayerInput& input) override
    {
        scores.push_back(contextScores(input.data, recentTokens(input.data.n, recentRatio), lastWeight));
    }
    double recentRatio, lastWeight;
    std::vector<std::vector<double>> scores; // [layers][n]
};

/// Head-averaged rows of the last `window` prompt queries that the capture holds, over the kept keys. [..][kept]
std::deque<std::vector<double>> promptRows(const core::LayerData& data, std::span<const std::int32_t> kept,
                                           std::int64_t window)
{
    std::deque<std::vector<double>> rows;
    for (std::int64_t i = data.w - std::min(window, data.w); i < data.w; ++i) {
        std::vector<double> mean(kept.size(), 0.0);
        for (int head = 0; head < data.heads.queryHeads(); ++head) {
            const float* const row = data.windowRow(head, i);
            double mass = 0;
            for (const std::int32_t key : kept)
                mass += row[key];
            if (mass > 0)
                for (std::size_t place = 0; place < kept.size(); ++place)
                    mean[place] += row[kept[place]] / mass / data.heads.queryHeads();
        }
        rows.push_back(std::move(mean));
    }
    return rows;
}

/// The rule of decoding: tokens that leave the recent window are judged in batches of `exceed`.
struct ExceedingTokens {
    std::int64_t window = 1, exceed = 1, stay = 1; ///< tokens; `stay` of a batch
    double lastWeight = 1;
    std::int64_t settled = 0;             ///< places at the front that are not judged (again)
    std::deque<std::vector<double>> rows; // [window][live] of the last queries, 0 for later keys

    std::vector<std::int32_t> operator()(const OnlineStep& step)
    {
        rows.push_back(meanRow(step.rows));
        if (std::ssize(rows) > window)
            rows.pop_front();
        const std::int64_t live = std::ssize(step.live);
        if (live - window - settled < exceed)
            return positionRange(0, live);
        for (std::vector<double>& row : rows)
            row.resize(step.live.size(), 0.0);
        std::vector<std::int32_t> places = positionRange(0, settled);
        for (const std::int32_t place : topK(batchScores(), stay).positions)
            places.push_back(static_cast<std::int32_t>(settled) + place);
        for (const std::int32_t place : positionRange(settled + exceed, live))
            places.push_back(place);
        for (std::vector<double>& row : rows)
            keepPlaces(row, places);
        settled += stay;
        return places;
    }

private:
    [[nodiscard]] std::vector<double> batchScores() const
    {
        std::vector<double> scores(static_cast<std::size_t>(exceed), 0.0);
        for (std::int64_t i = 0; i < std::ssize(rows); ++i) {
            const double weight = distanceWeight(i, std::ssize(rows), window, lastWeight);
            const std::vector<double>& row = rows[static_cast<std::size_t>(i)];
            for (std::size_t key = 0; key < scores.size(); ++key)
                scores[key] += weight * row[static_cast<std::size_t>(settled) + key];
        }
        return scores;
    }
};

class PyramidInfer final : public MethodBase {
public:
    PyramidInfer(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_recentRatio(params().real("recent", 0.0, 1.0)),
          m_lastWeight(params().real("distance_weight", 0.0, 1e6)), m_minContext(params().integer("min_context", 0)),
          m_sinks(params().integer("sinks", 0)), m_exceed(params().integer("exceed", 1)),
          m_generationDecay(params().real("gen_decay", 0.0, 1.0)),
          m_decay(params().text("decay") == "cosine" ? Decay::cosine : Decay::constant),
          m_decode(params().flag("decode")), m_code(params().text("compat") == "code")
    {
        if (params().text("p") != "budget")
            m_p = params().real("p", 0.0, 1.0);
    }
    [[nodiscard]] core::Need needs() const override
    {
        return core::Need::windowRows | (m_decode ? core::Need::decodeRows : core::Need::none);
    }
    [[nodiscard]] BudgetUse budgetUse() const override { return m_p ? BudgetUse::fixed : BudgetUse::follows; }
    [[nodiscard]] std::unique_ptr<Survey> makeSurvey() const override
    {
        return std::make_unique<PyramidSurvey>(m_recentRatio, m_lastWeight);
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const core::LayerData& data = input.data;
        const std::int64_t capacity = budget.capacity(data.n);
        if (!m_p && capacity >= data.n)
            return keepAll(input);
        const PyramidRules rules{data.n, input.layers, recentTokens(data.n, m_recentRatio), m_minContext, m_decay};
        const PyramidSchedule schedule =
            m_p ? PyramidSchedule{*m_p, enteringTokens(rules, *m_p), false} : scheduleFor(rules, capacity);
        LayerPlan plan = sharedPlan(input, enteringSet(input, schedule));
        plan.facts["p"] = schedule.p;
        addFlag(plan, "ratio_out_of_reach", schedule.outOfReach);
        addFlag(plan, kFlagWindowClamped, data.w < std::min(data.n, rules.recent + 1));
        addFlag(plan, "layers_missing", input.info && input.layers < input.info->model.nLayers);
        return plan;
    }
    [[nodiscard]] StepRules decodeRules(const LayerInput& input, const LayerPlan& plan,
                                        const Budget& budget) const override
    {
        const core::LayerData& data = input.data;
        if (!m_decode || (!m_p && budget.capacity(data.n) >= data.n))
            return {};
        const std::vector<std::int32_t>& kept = plan.kept.front();
        const std::int64_t recent = recentTokens(data.n, m_recentRatio);
        const double factor = passedOn(m_generationDecay, input.slot, input.layers, m_decay);
        ExceedingTokens judged;
        judged.window = recent + 1;
        judged.exceed = m_exceed;
        judged.stay = std::max(keepCount(m_exceed, kGenerationShare * factor), std::int64_t{1});
        judged.lastWeight = m_lastWeight;
        judged.settled = settledAtFirst(std::ssize(kept), recent);
        judged.rows = promptRows(data, kept, judged.window);
        return {.rules = {std::move(judged)}, .start = {}, .quietSteps = m_exceed + (m_code ? recent : 0)};
    }

private:
    /// The prompt tokens alive when they enter this layer: its cache holds all of them, whatever it drops itself.
    [[nodiscard]] TopK enteringSet(const LayerInput& input, const PyramidSchedule& schedule) const
    {
        const auto& scores = static_cast<const PyramidSurvey&>(*input.survey).scores;
        const std::int64_t slot = input.slot;
        const bool known = slot > 0 && std::ssize(input.earlier) == slot;
        TopK alive{known ? input.earlier.back().kept.front() : positionRange(0, input.data.n), 0};
        for (std::int64_t layer = known ? slot - 1 : 0; layer < slot; ++layer)
            alive = survivors(alive.positions, scores[static_cast<std::size_t>(layer)], input.data.n,
                              schedule.entering[static_cast<std::size_t>(layer + 1)]);
        return alive;
    }

    [[nodiscard]] TopK survivors(const std::vector<std::int32_t>& alive, std::span<const double> scores,
                                 std::int64_t n, std::int64_t count) const
    {
        const std::int64_t context =
            std::max<std::int64_t>(0, std::ssize(alive) - recentTokens(n, m_recentRatio) - 1);
        std::vector<double> candidates;
        for (const std::int32_t key : std::span(alive).first(static_cast<std::size_t>(context)))
            candidates.push_back(scores[static_cast<std::size_t>(key)]);
        std::fill_n(candidates.begin(), std::min(m_sinks, context), std::numeric_limits<double>::infinity());
        const TopK places = topAndTail(candidates, std::ssize(alive), count);
        TopK result{alive, places.tiesAtCut};
        keepPlaces(result.positions, places.positions);
        return result;
    }

    /// Tokens at the front of the cache that decoding does not judge, of m at the end of prefill.
    [[nodiscard]] std::int64_t settledAtFirst(std::int64_t m, std::int64_t recent) const
    {
        return m_code ? m - 1 : std::max<std::int64_t>(0, m - recent - 1);
    }

    double m_recentRatio, m_lastWeight;
    std::int64_t m_minContext, m_sinks, m_exceed;
    double m_generationDecay;
    Decay m_decay;
    bool m_decode, m_code;
    std::optional<double> m_p;
};

std::vector<ParamSpec> pyramidinferParams()
{
    return {
        {"p", "budget", "fraction of the context that the deepest layers pass on; budget: so that the mean over layers "
                        "meets the budget",
         {}},
        {"recent", "0.2", "fraction of the prompt that is never dropped, its latest tokens", {}},
        {"decay", "cosine", "fraction from layer to layer: cosine from 1 to p; linear: p everywhere, as the code does",
         {"cosine", "linear"}},
        {"min_context", "64", "context tokens that no layer goes below", {}},
        {"sinks", "4", "first tokens that are never dropped", {}},
        {"distance_weight", "1", "weight of the last query's row; that of the first is 1", {}},
        {"decode", "true", "compress during decoding too", {"true", "false"}},
        {"exceed", "16", "tokens that leave the recent window before they are judged together", {}},
        {"gen_decay", "0.9", "p of decoding: of a batch 0.9 f(layer) stay", {}},
        {"compat", "none", "what decoding judges: all that leaves the window, or as the code only what comes after the "
                           "prompt and its last token",
         {"none", "code"}}};
}

const MethodInfo& pyramidinferInfo()
{
    static const MethodInfo info{
        .name = "pyramidinfer",
        .title = "PyramidInfer",
        .klass = "E+",
        .acts = "prefill (from layer to layer) and each step",
        .idea = "Each layer drops the context tokens that the last fifth of the prompt attends to least, and deeper "
                "layers never see them: kept sets nest and shrink with depth. One set for all heads. Deeper layers "
                "would have computed something else without them, which a replay cannot show.",
        .equation = "u_j = sum_{last rec+1 q} a_q mean_h A[h,q,j]; of the context top floor(f(l) |context|) go on to "
                    "layer l+1, f(l) = p + (1-p)(1 + cos(pi l/L))/2",
        .source = "Yang et al. 2024, arXiv 2405.12532, and its code; how p follows from a ratio is our choice",
        .params = pyramidinferParams(),
        .presets = {{"llama3", {{"p", "0.9"}, {"distance_weight", "1.2"}, {"gen_decay", "0.1"}}},
                    {"prefill_only", {{"decode", "false"}}}}};
    return info;
}

} // namespace

MethodEntry pyramidinferEntry() { return entryOf<PyramidInfer>(pyramidinferInfo); }

} // namespace kvviz::compress
