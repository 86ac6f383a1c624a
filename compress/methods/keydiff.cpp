// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.12. Cosines are taken between keys of length 1, made once a layer.
#include "compress/methods/entries.hpp"

#include "compress/ranked_plan.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

/// Prompt keys of a KV head divided by their norm; a key of norm 0 stays. [n, d]
std::vector<double> unitKeys(const core::LayerData& data, int kvHead)
{
    const auto d = static_cast<std::size_t>(data.headDim);
    const float* const keys = data.key.data() + kvHead * data.total() * data.headDim;
    std::vector<double> units(keys, keys + data.n * data.headDim);
    for (std::size_t row = 0; row < units.size(); row += d) {
        double square = 0;
        for (std::size_t i = 0; i < d; ++i)
            square += units[row + i] * units[row + i];
        for (std::size_t i = 0; square > 0 && i < d; ++i)
            units[row + i] /= std::sqrt(square);
    }
    return units;
}

/// -cos(key, mean of the unit keys), both over `positions`. [positions]
std::vector<double> differences(const std::vector<double>& units, std::span<const std::int32_t> positions, int headDim)
{
    const auto d = static_cast<std::size_t>(headDim);
    const auto unit = [&](std::int32_t position) { return units.data() + static_cast<std::size_t>(position) * d; };
    std::vector<double> anchor(d, 0.0);
    for (const std::int32_t position : positions)
        for (std::size_t i = 0; i < d; ++i)
            anchor[i] += unit(position)[i];
    double square = 0;
    for (const double value : anchor)
        square += value * value;
    const double scale = square > 0 ? 1 / std::sqrt(square) : 0; // sum or mean: only the direction matters
    std::vector<double> scores;
    scores.reserve(positions.size());
    for (const std::int32_t position : positions) {
        double dot = 0;
        for (std::size_t i = 0; i < d; ++i)
            dot += unit(position)[i] * anchor[i];
        scores.push_back(-dot * scale);
    }
    return scores;
}

class KeyDiff final : public MethodBase {
public:
    KeyDiff(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_block(params().integer("block", 0)),
          m_compat(compatKvpress(params()))
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::keys; }

    [[nodiscard]] std::vector<double> scores(const LayerInput& input, int kvHead) const override
    {
        return m_block > 0 ? std::vector<double>{} : ranking(input, kvHead)->scores;
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const std::int64_t capacity = budget.capacity(input.data.n, m_compat);
        if (m_block == 0 || capacity >= input.data.n || capacity == 0)
            return rankedPlan(input, capacity, [&](int kvHead) { return ranking(input, kvHead); });
        return planOfHeads(input, [&](int kvHead) { return blockwise(input, kvHead, capacity); });
    }

private:
    [[nodiscard]] static std::shared_ptr<const std::vector<double>> units(const LayerInput& input, int kvHead)
    {
        return memoised(input, fmt::format("keydiff/units/{}", kvHead), [&] { return unitKeys(input.data, kvHead); });
    }

    [[nodiscard]] static std::shared_ptr<const Ranking> ranking(const LayerInput& input, int kvHead)
    {
        return memoised(input, fmt::format("keydiff/{}", kvHead), [&] {
            const std::vector<std::int32_t> all = positionRange(0, input.data.n);
            return rank(differences(*units(input, kvHead), all, input.data.headDim));
        });
    }

    /// The cache fills up to its capacity; then each block of new keys is scored together with what is left of the
    /// earlier ones, and the best stay. Ties of all cuts are counted.
    [[nodiscard]] TopK blockwise(const LayerInput& input, int kvHead, std::int64_t capacity) const
    {
        const auto keys = units(input, kvHead);
        const std::int64_t n = input.data.n;
        TopK cache{positionRange(0, capacity), 0};
        for (std::int64_t from = capacity; from < n; from += m_block) {
            std::vector<std::int32_t> candidates = std::move(cache.positions);
            for (std::int64_t position = from; position < std::min(n, from + m_block); ++position)
                candidates.push_back(static_cast<std::int32_t>(position));
            TopK best = topK(differences(*keys, candidates, input.data.headDim), capacity);
            for (std::int32_t& position : best.positions) // places among the candidates, which are ascending
                position = candidates[static_cast<std::size_t>(position)];
            cache.positions = std::move(best.positions);
            cache.tiesAtCut += best.tiesAtCut;
        }
        return cache;
    }

    std::int64_t m_block;
    bool m_compat;
};

const MethodInfo& keydiffInfo()
{
    static const MethodInfo info{
        .name = "keydiff",
        .title = "KeyDiff",
        .klass = "E",
        .acts = "prefill end",
        .idea = "Keeps the keys that differ most from the mean direction of all keys. Looks at no attention and "
                "protects nothing.",
        .equation = "anchor = mean_j k_j/|k_j|; score_j = -cos(k_j, anchor) per KV head; S = top-C; block > 0: after "
                    "the first C keys, the top-C of (kept + next block), again and again",
        .source = "Park et al. 2025, arXiv 2504.15364; kvpress",
        .params = {{"block", "0", "tokens that enter the cache at a time before it is cut again; 0: the whole prompt "
                                  "at once",
                    {}},
                   compatParam()},
        .presets = {{"paper", {{"block", "128"}}}, {"kvpress", {{"compat", "kvpress"}}}}};
    return info;
}

} // namespace

MethodEntry keydiffEntry() { return entryOf<KeyDiff>(keydiffInfo); }

} // namespace kvviz::compress
