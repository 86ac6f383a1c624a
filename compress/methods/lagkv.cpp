// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// methods.md 5.18.
#include "compress/methods/entries.hpp"

#include "compress/ranked_plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace kvviz::compress {
namespace {

struct Options {
    std::int64_t sinks = 4, lag = 128;
    bool cross = false;
};

constexpr double kProtected = std::numeric_limits<double>::infinity();

/// Softmax over the `lag` tokens of a partition of how unevenly a token's channels lie within the range of the next
/// partition. `rows` starts at the partition and holds the next one too, [2 lag, d]. [lag]
std::vector<double> spreads(const float* rows, std::int64_t lag, std::int64_t d)
{
    std::vector<float> low(rows + lag * d, rows + (lag + 1) * d), high = low;
    for (std::int64_t j = lag + 1; j < 2 * lag; ++j)
        for (std::int64_t i = 0; i < d; ++i) {
            float &least = low[static_cast<std::size_t>(i)], &most = high[static_cast<std::size_t>(i)];
            least = std::min(least, rows[j * d + i]);
            most = std::max(most, rows[j * d + i]);
        }
    std::vector<double> result, z(static_cast<std::size_t>(d));
    double largest = -std::numeric_limits<double>::infinity();
    for (std::int64_t j = 0; j < lag; ++j) {
        double mean = 0, square = 0;
        for (std::int64_t i = 0; i < d; ++i) {
            const auto channel = static_cast<std::size_t>(i);
            const double range = static_cast<double>(high[channel]) - low[channel];
            z[channel] = range > 0 ? (static_cast<double>(rows[j * d + i]) - low[channel]) / range : 0.0;
            mean += z[channel] / static_cast<double>(d);
        }
        for (const double value : z)
            square += (value - mean) * (value - mean);
        result.push_back(std::sqrt(square / static_cast<double>(std::max<std::int64_t>(1, d - 1))));
        largest = std::max(largest, result.back());
    }
    double sum = 0;
    for (double& value : result)
        sum += value = std::exp(value - largest);
    for (double& value : result)
        value /= sum;
    return result;
}

/// Scores become ascending ranks divided by their number; of equal ones the earlier token ranks higher.
void replaceByRanks(std::span<double> scores)
{
    const Ranking ranking = rank({scores.begin(), scores.end()});
    for (std::size_t place = 0; place < scores.size(); ++place)
        scores[static_cast<std::size_t>(ranking.order[place])] =
            static_cast<double>(scores.size() - 1 - place) / static_cast<double>(scores.size());
}

/// [n]
std::vector<double> lagScores(const core::LayerData& data, int kvHead, const Options& options)
{
    const std::int64_t n = data.n, d = data.headDim, sinks = options.sinks, lag = options.lag;
    std::vector<double> scores(static_cast<std::size_t>(n), kProtected);
    if (n < sinks + 2 * lag) { // no partition has a next one: the later the better
        for (std::int64_t j = sinks; j < n; ++j)
            scores[static_cast<std::size_t>(j)] = static_cast<double>(j - sinks) / static_cast<double>(n - sinks);
        return scores;
    }
    const std::int64_t partitions = (n - sinks) / lag;
    for (std::int64_t p = 0; p + 1 < partitions; ++p) {
        const std::int64_t first = sinks + p * lag;
        const std::int64_t row = (kvHead * data.total() + first) * d;
        const std::vector<double> keys = spreads(data.key.data() + row, lag, d);
        const std::vector<double> values = spreads(data.value.data() + row, lag, d);
        const std::span<double> own(scores.data() + first, static_cast<std::size_t>(lag));
        for (std::size_t j = 0; j < own.size(); ++j)
            own[j] = (keys[j] + values[j]) / 2;
        if (!options.cross)
            replaceByRanks(own);
    }
    return scores;
}

class LagKv final : public MethodBase {
public:
    LagKv(const MethodInfo& info, Params resolved)
        : MethodBase(info, std::move(resolved)),
          m_options{params().integer("sinks", 0), params().integer("lag", 1), params().flag("cross_scoring")},
          m_compat(compatKvpress(params()))
    {
    }
    [[nodiscard]] core::Need needs() const override { return core::Need::keys | core::Need::values; }

    [[nodiscard]] std::vector<double> scores(const LayerInput& input, int kvHead) const override
    {
        return ranking(input, kvHead)->scores;
    }

protected:
    [[nodiscard]] LayerPlan select(const LayerInput& input, const Budget& budget) const override
    {
        const std::int64_t n = input.data.n;
        const std::int64_t capacity = budget.capacity(n, m_compat);
        const bool scored = n >= m_options.sinks + 2 * m_options.lag;
        const std::int64_t safe = scored ? n - ((n - m_options.sinks) / m_options.lag - 1) * m_options.lag
                                         : std::min(n, m_options.sinks);
        LayerPlan plan = rankedPlan(input, capacity, [&](int kvHead) { return ranking(input, kvHead); });
        addFlag(plan, "prompt_below_two_lags", capacity < n && !scored);
        addFlag(plan, "protected_exceed_budget", capacity < safe);
        return plan;
    }

private:
    [[nodiscard]] std::shared_ptr<const Ranking> ranking(const LayerInput& input, int kvHead) const
    {
        const std::string key =
            fmt::format("lagkv/{}/{}/{}/{}", kvHead, m_options.sinks, m_options.lag, m_options.cross);
        return memoised(input, key, [&] { return rank(lagScores(input.data, kvHead, m_options)); });
    }

    Options m_options;
    bool m_compat;
};

const MethodInfo& lagkvInfo()
{
    static const MethodInfo info{
        .name = "lagkv",
        .title = "LagKV",
        .klass = "E",
        .acts = "prefill end",
        .idea = "Judges each stretch of the prompt by the range of the next one: keeps tokens whose keys and values "
                "lie unevenly in it. Sinks, the last full stretch and what follows it stay first of all.",
        .equation = "z = (x - min_next)/(max_next - min_next) per channel; y = softmax_j(std over channels of z), x in "
                    "{K,V}; score = rank of (y_K + y_V)/2 within the stretch / g; sinks and the tail score highest; S "
                    "= top-C",
        .source = "Liang et al. 2025, arXiv 2504.04704; kvpress",
        .params = {{"sinks", "4", "first tokens that are kept before others", {}},
                   {"lag", "128", "tokens in a stretch", {}},
                   {"cross_scoring", "false", "compare scores between stretches instead of ranks within them",
                    {"true", "false"}},
                   compatParam()},
        .presets = {{"kvpress", {{"compat", "kvpress"}}}}};
    return info;
}

} // namespace

MethodEntry lagkvEntry() { return entryOf<LagKv>(lagkvInfo); }

} // namespace kvviz::compress
