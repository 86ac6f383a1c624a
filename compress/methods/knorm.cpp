// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.11.
#include "compress/methods/entries.hpp"

#include "compress/ranked_plan.hpp"
#include "core/error.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

struct LayerRange {
    int first = 0, last = 0;
};

/// "none", "0-1" or "0/1/6-9". Commas and plus signs belong to the specification, so they cannot separate here.
std::vector<LayerRange> rangesFrom(const std::string& text)
{
    std::vector<LayerRange> ranges;
    if (text == "none")
        return ranges;
    const char* at = text.data();
    const char* const end = at + text.size();
    for (bool more = true; more;) {
        LayerRange range;
        auto read = std::from_chars(at, end, range.first);
        range.last = range.first;
        if (read.ec == std::errc() && read.ptr != end && *read.ptr == '-')
            read = std::from_chars(read.ptr + 1, end, range.last);
        more = read.ec == std::errc() && read.ptr != end && *read.ptr == '/';
        if (read.ec != std::errc() || (!more && read.ptr != end) || range.first < 0 || range.last < range.first)
            throw core::Error(core::ErrorCode::usage,
                              fmt::format("'{}' names no layers; write none, 0-1 or 0/1/6-9", text));
        ranges.push_back(range);
        at = read.ptr + 1;
    }
    return ranges;
}

/// -|k_j| of the prompt. [n]
std::vector<double> negativeNorms(const core::LayerData& data, int kvHead)
{
    std::vector<double> scores;
    scores.reserve(static_cast<std::size_t>(data.n));
    const float* key = data.key.data() + kvHead * data.total() * data.headDim;
    for (std::int64_t position = 0; position < data.n; ++position) {
        double square = 0;
        for (int i = 0; i < data.headDim; ++i, ++key)
            square += static_cast<double>(*key) * *key;
        scores.push_back(-std::sqrt(square));
    }
    return scores;
}

class Knorm final : public MethodBase {
public:
    Knorm(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)), m_skipped(rangesFrom(params().text("skip_layers"))),
          m_pruneAfter(params().integer("prune_after", 0)), m_compat(params().text("compat"))
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::keys; }

    [[nodiscard]] std::vector<double> scores(const LayerInput& input, int kvHead) const override
    {
        return ranking(input, kvHead)->scores;
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const std::int64_t n = input.data.n;
        const std::int64_t capacity = capacityOf(budget, n);
        const bool skipped = std::any_of(m_skipped.begin(), m_skipped.end(), [&](const LayerRange& range) {
            return range.first <= input.data.layer && input.data.layer <= range.last;
        });
        const bool whole = skipped || n < m_pruneAfter;
        LayerPlan plan =
            rankedPlan(input, whole ? n : capacity, [&](int kvHead) { return ranking(input, kvHead); });
        addFlag(plan, "layers_kept_whole", skipped && capacity < n);
        addFlag(plan, "prompt_below_prune_after", n < m_pruneAfter && capacity < n);
        return plan;
    }

private:
    [[nodiscard]] static std::shared_ptr<const Ranking> ranking(const LayerInput& input, int kvHead)
    {
        return memoised(input, fmt::format("knorm/{}", kvHead),
                        [&] { return rank(negativeNorms(input.data, kvHead)); });
    }

    [[nodiscard]] std::int64_t capacityOf(const Budget& budget, std::int64_t n) const
    {
        if (m_compat != "original" || budget.tokens)
            return budget.capacity(n, m_compat == "kvpress");
        budget.validate();
        return std::min(n, static_cast<std::int64_t>(std::ceil(budget.ratio * static_cast<double>(n))));
    }

    std::vector<LayerRange> m_skipped;
    std::int64_t m_pruneAfter;
    std::string m_compat;
};

const MethodInfo& knormInfo()
{
    static const MethodInfo info{
        .name = "knorm",
        .title = "Knorm (L2 norm)",
        .klass = "E",
        .acts = "prefill end",
        .idea = "Keys of small norm tend to attract attention: keeps the keys with the smallest norm. Looks at no "
                "attention and protects nothing.",
        .equation = "score_j = -|k_j|_2 per KV head; S = top-C",
        .source = "Devoto et al. 2024, arXiv 2406.11430; code alessiodevoto/l2compress, kvpress",
        .params = {{"skip_layers", "none", "layers that keep everything, by their number in the model: none, 0-1 or "
                                           "0/1/6-9",
                    {}},
                   {"prune_after", "0", "prompts of fewer tokens are kept whole", {}},
                   {"compat", "none", "rounding of a ratio to tokens: exact, as kvpress does it, or up as the original "
                                      "code does it",
                    {"none", "kvpress", "original"}}},
        .presets = {{"paper", {{"skip_layers", "0-1"}, {"compat", "original"}}}, {"kvpress", {{"compat", "kvpress"}}}}};
    return info;
}

} // namespace

MethodEntry knormEntry() { return entryOf<Knorm>(knormInfo); }

} // namespace kvviz::compress
