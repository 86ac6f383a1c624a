// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// LagKV against the definition written out token by token and channel by channel.
#include "compress/method.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <cmath>

using namespace kvviz;
using namespace kvviz::compress;
using Positions = std::vector<std::int32_t>;

namespace {

struct Shape {
    std::int64_t n, sinks, lag;
    bool cross;
};

core::LayerData randomLayer(std::int64_t n)
{
    return test::SyntheticCapture({.layers = 1, .heads = 2, .kvHeads = 2, .n = n, .t = 2, .window = 2, .headDim = 6,
                                   .seed = static_cast<std::uint64_t>(n)})
        .layer(0);
}

/// u_j of one array: the standard deviation over channels (divisor d - 1) of token j within the next stretch's range.
long double spread(const std::vector<float>& rows, const core::LayerData& data, int kvHead, std::int64_t j,
                   std::int64_t nextFirst, std::int64_t nextEnd)
{
    const auto at = [&](std::int64_t token, int channel) -> long double {
        return rows[static_cast<std::size_t>((kvHead * data.total() + token) * data.headDim + channel)];
    };
    std::vector<long double> z;
    for (int channel = 0; channel < data.headDim; ++channel) {
        long double low = at(nextFirst, channel), high = low;
        for (std::int64_t token = nextFirst; token < nextEnd; ++token) {
            low = std::min(low, at(token, channel));
            high = std::max(high, at(token, channel));
        }
        z.push_back(high == low ? 0.0L : (at(j, channel) - low) / (high - low));
    }
    long double sum = 0, squares = 0;
    for (const long double value : z) {
        sum += value;
        squares += value * value;
    }
    const auto d = static_cast<long double>(data.headDim);
    return std::sqrt((squares - sum * sum / d) / (d - 1));
}

/// The score of position j as methods.md defines it, protected ones 1.
std::vector<long double> definition(const core::LayerData& data, int kvHead, const Shape& shape)
{
    const auto [n, s, g, cross] = shape;
    std::vector<long double> scores(static_cast<std::size_t>(n), 1.0L);
    if (n < s + 2 * g) {
        for (std::int64_t j = s; j < n; ++j)
            scores[static_cast<std::size_t>(j)] = static_cast<long double>(j - s) / static_cast<long double>(n - s);
        return scores;
    }
    const std::int64_t stretches = (n - s) / g;
    for (std::int64_t j = s; j < s + (stretches - 1) * g; ++j) {
        const std::int64_t first = s + (j - s) / g * g, next = first + g;
        long double score = 0;
        for (const auto* rows : {&data.key, &data.value}) {
            long double all = 0;
            for (std::int64_t other = first; other < next; ++other)
                all += std::exp(spread(*rows, data, kvHead, other, next, next + g));
            score += std::exp(spread(*rows, data, kvHead, j, next, next + g)) / all / 2;
        }
        scores[static_cast<std::size_t>(j)] = score;
    }
    if (cross)
        return scores;
    std::vector<long double> ranks = scores;
    for (std::int64_t j = s; j < s + (stretches - 1) * g; ++j) {
        const std::int64_t first = s + (j - s) / g * g;
        const long double own = scores[static_cast<std::size_t>(j)];
        std::int64_t below = 0;
        for (std::int64_t other = first; other < first + g; ++other)
            below += scores[static_cast<std::size_t>(other)] < own;
        ranks[static_cast<std::size_t>(j)] = static_cast<long double>(below) / static_cast<long double>(g);
    }
    return ranks;
}

/// How many positions score more, or as much and stand earlier: less than `count` for those that stay.
Positions bestOf(const std::vector<long double>& scores, std::int64_t count)
{
    Positions kept;
    for (std::size_t j = 0; j < scores.size(); ++j) {
        std::int64_t before = 0;
        for (std::size_t other = 0; other < scores.size(); ++other)
            before += scores[other] > scores[j] || (scores[other] == scores[j] && other < j);
        if (before < count)
            kept.push_back(static_cast<std::int32_t>(j));
    }
    return kept;
}

std::string specificationOf(const Shape& shape)
{
    return "lagkv:sinks=" + std::to_string(shape.sinks) + ",lag=" + std::to_string(shape.lag)
           + ",cross_scoring=" + (shape.cross ? "true" : "false");
}

bool hasFlag(const LayerPlan& plan, const std::string& flag)
{
    return std::find(plan.flags.begin(), plan.flags.end(), flag) != plan.flags.end();
}

} // namespace

TEST_CASE("LagKV keeps what its definition keeps", "[unit]")
{
    const std::vector<Shape> shapes{{60, 4, 8, false}, {60, 4, 8, true},  {61, 0, 10, false}, {61, 0, 10, true},
                                    {20, 4, 8, false}, {19, 4, 8, false}, {3, 4, 8, false},   {40, 4, 12, false},
                                    {33, 1, 16, false}, {33, 1, 16, true}, {30, 2, 1, false}};
    for (const Shape& shape : shapes) {
        const core::LayerData data = randomLayer(shape.n);
        for (int kvHead = 0; kvHead < 2; ++kvHead) {
            const std::vector<long double> scores = definition(data, kvHead, shape);
            for (std::int64_t count = 1; count <= shape.n; count += 5) {
                CAPTURE(specificationOf(shape), shape.n, kvHead, count);
                const LayerPlan plan = makeMethod(specificationOf(shape))->plan({data, {}}, {1.0, count});
                CHECK(plan.kept[static_cast<std::size_t>(kvHead)] == bestOf(scores, count));
            }
        }
    }
}

TEST_CASE("every stretch of LagKV loses the same number of tokens, and ranks across stretches tie", "[unit]")
{
    const core::LayerData data = randomLayer(4 + 5 * 20 + 7);
    // Protected: 4 sinks, the last full stretch of 20 and 7 behind it. 80 compete in 4 stretches.
    const auto plan = [&](std::int64_t count) { return makeMethod("lagkv:lag=20")->plan({data, {}}, {1.0, count}); };
    const LayerPlan even = plan(31 + 4 * 6);
    for (const Positions& kept : even.kept)
        for (std::int32_t stretch = 0; stretch < 4; ++stretch) {
            const auto inside = [&](std::int32_t position) {
                return position >= 4 + stretch * 20 && position < 24 + stretch * 20;
            };
            CHECK(std::count_if(kept.begin(), kept.end(), inside) == 6);
        }
    CHECK(even.tiesAtCut == 0);
    CHECK(plan(31 + 4 * 6 + 1).tiesAtCut == 2 * 4); // one token of rank 7 in four stretches, in each of two heads
    CHECK_FALSE(hasFlag(plan(31), "protected_exceed_budget"));
    CHECK(hasFlag(plan(30), "protected_exceed_budget"));
}

TEST_CASE("a prompt too short for LagKV keeps sinks and recents", "[unit]")
{
    const core::LayerData data = randomLayer(100);
    const LayerPlan plan = makeMethod("lagkv")->plan({data, {}}, {1.0, 10});
    CHECK(plan.kept == makeMethod("streaming_noshift")->plan({data, {}}, {1.0, 10}).kept);
    CHECK(hasFlag(plan, "prompt_below_two_lags"));
    CHECK_FALSE(hasFlag(makeMethod("lagkv:lag=48")->plan({data, {}}, {1.0, 60}), "prompt_below_two_lags"));
}

TEST_CASE("a channel that is constant in the next stretch counts as 0", "[unit]")
{
    core::LayerData data = randomLayer(40);
    for (std::size_t i = 0; i < data.key.size(); i += 6)
        data.key[i] = 3.5f;
    const Shape shape{40, 4, 8, true};
    const LayerPlan plan = makeMethod(specificationOf(shape))->plan({data, {}}, {1.0, 25});
    for (int kvHead = 0; kvHead < 2; ++kvHead)
        CHECK(plan.kept[static_cast<std::size_t>(kvHead)] == bestOf(definition(data, kvHead, shape), 25));
    // All keys and values equal: ranks follow positions, the earlier the better, and nothing is undefined.
    std::fill(data.key.begin(), data.key.end(), 1.0f);
    std::fill(data.value.begin(), data.value.end(), 1.0f);
    const LayerPlan flat = makeMethod("lagkv:lag=8")->plan({data, {}}, {1.0, 4 + 8 + 4 + 3});
    CHECK(flat.kept[0] == Positions{0, 1, 2, 3, 4, 12, 20, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39});
}

TEST_CASE("LagKV refuses stretches of no tokens", "[unit]")
{
    CHECK_THROWS_AS(makeMethod("lagkv:lag=0"), core::Error);
    CHECK_THROWS_AS(makeMethod("lagkv:sinks=-1"), core::Error);
    const core::LayerData data = randomLayer(10);
    const LayerPlan most = makeMethod("lagkv:lag=1000000000,sinks=1000000000")->plan({data, {}}, {1.0, 3});
    CHECK(most.kept[0] == Positions{0, 1, 2});
}
