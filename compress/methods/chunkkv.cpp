// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.7: the paper's rule and kvpress's, and layer-wise index reuse.
#include "compress/methods/entries.hpp"

#include "compress/chunk_scores.hpp"
#include "compress/method_base.hpp"
#include "compress/snap_params.hpp"

#include <algorithm>

namespace kvviz::compress {
namespace {

class ChunkKv final : public MethodBase {
public:
    ChunkKv(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_chunk(params().integer("chunk", 1)),
          m_reuse(params().integer("reuse", 1)), m_kvpress(params().text("variant") == "kvpress"),
          m_options(snapOptions(params()))
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::windowRows; }
    [[nodiscard]] bool usesEarlier() const override { return m_reuse > 1; }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const int leader = static_cast<int>(input.data.layer - input.data.layer % m_reuse);
        if (leader != input.data.layer)
            for (const LayerPlan& earlier : input.earlier)
                if (earlier.layer == leader)
                    return follow(input, earlier);
        LayerPlan plan = m_kvpress ? selectKvpress(input, budget) : selectPaper(input, budget);
        addFlag(plan, "reuse_leader_missing", leader != input.data.layer);
        return plan;
    }

private:
    [[nodiscard]] static LayerPlan follow(const LayerInput& input, const LayerPlan& leader)
    {
        LayerPlan plan = leader;
        plan.layer = input.data.layer;
        plan.tiesAtCut = 0; // counted at the leader
        return plan;
    }

    [[nodiscard]] LayerPlan selectPaper(const LayerInput& input, const Budget& budget) const
    {
        const core::LayerData& data = input.data;
        const std::int64_t capacity = budget.capacity(data.n);
        if (capacity >= data.n)
            return keepAll(input);
        const ObservationWindow window = observationWindow(data, m_options.window);
        TopK chosen;
        if (capacity <= window.size) {
            chosen.positions = positionRange(data.n - capacity, data.n);
        } else {
            chosen = fillWithChunks(layerScores(data, window.size), m_chunk, capacity - window.size);
            for (const std::int32_t position : positionRange(data.n - window.size, data.n))
                chosen.positions.push_back(position);
        }
        LayerPlan plan = sharedPlan(input, chosen);
        addFlag(plan, kFlagWindowClamped, window.clamped);
        addFlag(plan, kFlagWindowExceedsBudget, capacity < window.size);
        return plan;
    }

    /// Attention of the window's queries on the keys before it, summed over the heads of the layer. [n - window]
    [[nodiscard]] static std::vector<double> layerScores(const core::LayerData& data, std::int64_t window)
    {
        std::vector<std::vector<double>> heads;
        for (int head = 0; head < data.heads.queryHeads(); ++head)
            heads.push_back(windowScores(data, head, window, data.n - window));
        return reduceScores(heads, Reduce::sum);
    }

    /// The budget is counted in chunks of all n tokens; window tokens score above all others.
    [[nodiscard]] LayerPlan selectKvpress(const LayerInput& input, const Budget& budget) const
    {
        const core::LayerData& data = input.data;
        const double ratio = budget.nominalRatio(data.n);
        if (ratio >= 1)
            return keepAll(input);
        const ObservationWindow window = observationWindow(data, m_options.window);
        SnapOptions options = m_options;
        options.window = window.size;
        std::vector<std::vector<double>> groups;
        for (int kvHead = 0; kvHead < data.heads.kvHeads(); ++kvHead)
            groups.push_back(snapScores(data, kvHead, options));
        LayerPlan plan = data.n < m_chunk ? tokenWise(input, budget, groups) : chunkWise(input, ratio, groups);
        addFlag(plan, kFlagWindowClamped, window.clamped);
        return plan;
    }

    [[nodiscard]] LayerPlan chunkWise(const LayerInput& input, double ratio,
                                      const std::vector<std::vector<double>>& groups) const
    {
        const std::int64_t n = input.data.n;
        double best = 0;
        for (const std::vector<double>& scores : groups)
            for (const double score : scores)
                best = std::max(best, score);
        std::vector<double> scores = reduceScores(groups, Reduce::sum);
        scores.resize(static_cast<std::size_t>(n), static_cast<double>(groups.size()) * (best + 1));
        const std::int64_t chunks = (n + m_chunk - 1) / m_chunk;
        return sharedPlan(input,
                          bestChunks(scores, m_chunk, std::max<std::int64_t>(1, keepCount(chunks, ratio, true))));
    }

    /// A prompt shorter than one chunk falls back to SnapKV.
    [[nodiscard]] static LayerPlan tokenWise(const LayerInput& input, const Budget& budget,
                                             const std::vector<std::vector<double>>& groups)
    {
        const std::int64_t capacity = budget.capacity(input.data.n, true);
        LayerPlan plan = planOfHeads(input, [&](int kvHead) {
            return topAndTail(groups[static_cast<std::size_t>(kvHead)], input.data.n, capacity);
        });
        addFlag(plan, "prompt_below_chunk");
        return plan;
    }

    std::int64_t m_chunk, m_reuse;
    bool m_kvpress;
    SnapOptions m_options;
};

std::vector<ParamSpec> chunkkvParams()
{
    std::vector<ParamSpec> params{
        {"variant", "paper", "rule: the paper's, or kvpress's", {"paper", "kvpress"}},
        {"chunk", "10", "tokens in a chunk", {}},
        {"reuse", "1", "layers that share the selection of the first of them (1: each selects)", {}}};
    for (ParamSpec& spec : snapParams()) {
        if (spec.name != "window")
            spec.help += " (variant kvpress only)";
        params.push_back(spec);
    }
    return params;
}

const MethodInfo& chunkkvInfo()
{
    static const MethodInfo info{
        .name = "chunkkv",
        .title = "ChunkKV",
        .klass = "E",
        .acts = "prefill end",
        .idea = "Keeps or drops whole chunks of neighbouring tokens, so that phrases stay together; one set for all "
                "heads of a layer, optionally reused by the layers that follow.",
        .equation = "u(chunk) = sum_{j in chunk} sum_{q in last w} sum_h A[h,q,j]; S = best chunks that fit into C-w "
                    "+ last w",
        .source = "Liu et al. 2025, arXiv 2502.00299; variant kvpress as in NVIDIA kvpress (ChunkKVPress over SnapKV)",
        .params = chunkkvParams(),
        .presets = {{"kvpress",
                     {{"variant", "kvpress"}, {"chunk", "20"}, {"window", "64"}, {"kernel", "5"}, {"pool", "avg"},
                      {"order", "pool_reduce"}}}}};
    return info;
}

} // namespace

MethodEntry chunkkvEntry() { return entryOf<ChunkKv>(chunkkvInfo); }

} // namespace kvviz::compress
