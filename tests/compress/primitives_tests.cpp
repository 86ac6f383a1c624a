// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Shared primitives: rounding, top-k, pooling, group reduction, window scores, chunks.
#include "compress/budget.hpp"
#include "compress/chunk_scores.hpp"
#include "compress/kept_sets.hpp"
#include "compress/window_scores.hpp"
#include "core/error.hpp"
#include "core/hash_random.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace kvviz;
using namespace kvviz::compress;
using Positions = std::vector<std::int32_t>;

TEST_CASE("ratios round to tokens exactly, or as kvpress rounds them", "[unit]")
{
    struct Row {
        std::int64_t n;
        double removed;
        std::int64_t exact, kvpress;
    };
    // kvpress loses one token where 1 - removed falls just below the decimal number.
    const auto row = GENERATE(Row{100, 0.9, 10, 9}, Row{1000, 0.9, 100, 99}, Row{1000, 0.8, 200, 199},
                              Row{336, 0.5, 168, 168}, Row{336, 0.8, 67, 67}, Row{50, 0.9, 5, 4}, Row{10, 0.7, 3, 3},
                              Row{1000, 0.0, 1000, 1000});
    CHECK(keepCount(row.n, 1 - row.removed) == row.exact);
    CHECK(keepCount(row.n, 1 - row.removed, true) == row.kvpress);
}

TEST_CASE("every decimal ratio of a round length keeps the round number of tokens", "[unit]")
{
    for (int percent = 1; percent <= 100; ++percent)
        CHECK(keepCount(1000, percent / 100.0) == percent * 10);
}

TEST_CASE("budgets are validated and clamped", "[unit]")
{
    CHECK(Budget{0.5, {}}.capacity(11) == 5);
    CHECK(Budget{0.01, {}}.capacity(11) == 0);
    CHECK(Budget{1.0, 7}.capacity(11) == 7);
    CHECK(Budget{1.0, 70}.capacity(11) == 11);
    CHECK(Budget{1.0, 7}.nominalRatio(14) == 0.5);
    CHECK(Budget{1.0, 70}.nominalRatio(14) == 1.0);
    CHECK(Budget{0.3, {}}.nominalRatio(14) == 0.3);
    for (const double ratio : {0.0, -0.5, 1.01, std::nan("")})
        CHECK_THROWS_AS((Budget{ratio, {}}.capacity(10)), core::Error);
    CHECK_THROWS_AS((Budget{0.5, 0}.capacity(10)), core::Error);
}

TEST_CASE("top-k takes the lower position of equal scores and reports the tie", "[unit]")
{
    const std::vector<double> scores{1, 3, 2, 3, 2, 2};
    CHECK(topK(scores, 3).positions == Positions{1, 2, 3});
    CHECK(topK(scores, 3).tiesAtCut == 3);
    CHECK(topK(scores, 2).positions == Positions{1, 3});
    CHECK(topK(scores, 2).tiesAtCut == 0);
    CHECK(topK(scores, 1).positions == Positions{1});
    CHECK(topK(scores, 1).tiesAtCut == 2);
}

TEST_CASE("top-k clamps k and puts NaN last", "[unit]")
{
    const std::vector<double> scores{std::nan(""), -1, std::nan(""), -2};
    CHECK(topK(scores, 2).positions == Positions{1, 3});
    CHECK(topK(scores, 3).positions == Positions{0, 1, 3});
    CHECK(topK(scores, 99).positions == Positions{0, 1, 2, 3});
    CHECK(topK(scores, -5).positions.empty());
    CHECK(topK({}, 3).positions.empty());
}

TEST_CASE("top-k agrees with a full stable sort", "[unit]")
{
    std::vector<double> scores(500);
    for (std::size_t i = 0; i < scores.size(); ++i)
        scores[i] = std::floor(core::hashUniform({42, i}) * 60);
    Positions order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
        return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
    });
    for (const std::int64_t k : {1, 7, 100, 499, 500}) {
        Positions expected(order.begin(), order.begin() + k);
        std::sort(expected.begin(), expected.end());
        CHECK(topK(scores, k).positions == expected);
    }
}

TEST_CASE("average pooling counts the padding and damps both ends", "[unit]")
{
    const std::vector<double> ones(10, 1.0);
    const std::vector<double> expected{0.6, 0.8, 1, 1, 1, 1, 1, 1, 0.8, 0.6};
    const std::vector<double> pooled = pool1d(ones, 5, Pool::average);
    REQUIRE(pooled.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
        CHECK(pooled[i] == Approx(expected[i]));
}

TEST_CASE("maximum pooling makes plateaus whose ties go to the lower position", "[unit]")
{
    const std::vector<double> scores{0, 0, 0, 9, 0, 0, 0, 5, 0};
    const std::vector<double> pooled = pool1d(scores, 5, Pool::maximum);
    CHECK(pooled == std::vector<double>{0, 9, 9, 9, 9, 9, 5, 5, 5});
    const TopK chosen = topK(pooled, 3);
    CHECK(chosen.positions == Positions{1, 2, 3});
    CHECK(chosen.tiesAtCut == 5);
}

TEST_CASE("pooling copes with kernels wider than the input and refuses even ones", "[unit]")
{
    CHECK(pool1d(std::vector<double>{2, 4}, 7, Pool::maximum) == std::vector<double>{4, 4});
    CHECK(pool1d(std::vector<double>{2, 4}, 3, Pool::average) == std::vector<double>{2, 2});
    CHECK(pool1d({}, 5, Pool::average).empty());
    CHECK(pool1d(std::vector<double>{2, 4}, 5, Pool::none) == std::vector<double>{2, 4});
    CHECK_THROWS_AS(pool1d({}, 4, Pool::average), core::Error);
    CHECK_THROWS_AS(poolFromName("median"), core::Error);
}

TEST_CASE("group reduction commutes with average pooling but not with maximum pooling", "[unit]")
{
    const std::vector<std::vector<double>> heads{{0, 8, 0, 0, 0}, {0, 0, 0, 6, 0}};
    CHECK(reduceScores(heads, Reduce::mean) == std::vector<double>{0, 4, 0, 3, 0});
    CHECK(reduceScores(heads, Reduce::max) == std::vector<double>{0, 8, 0, 6, 0});
    CHECK(reduceScores(heads, Reduce::sum) == std::vector<double>{0, 8, 0, 6, 0});
    const auto both = [&](Pool pool, bool poolFirst) {
        if (!poolFirst)
            return pool1d(reduceScores(heads, Reduce::mean), 3, pool);
        return reduceScores(std::vector{pool1d(heads[0], 3, pool), pool1d(heads[1], 3, pool)}, Reduce::mean);
    };
    for (std::size_t i = 0; i < 5; ++i)
        CHECK(both(Pool::average, true)[i] == Approx(both(Pool::average, false)[i]));
    CHECK(both(Pool::maximum, true) != both(Pool::maximum, false));
}

TEST_CASE("window scores are column sums of the last prompt rows", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .heads = 4, .kvHeads = 2, .n = 40, .window = 12});
    const core::LayerData& data = capture.layer(0);
    const auto scores = windowScores(data, 3, 5, 35);
    REQUIRE(scores.size() == 35);
    for (std::int64_t key = 0; key < 35; ++key) {
        double expected = 0;
        for (std::int64_t query = 35; query < 40; ++query)
            expected += capture.fullMap(0)[static_cast<std::size_t>((3 * 40 + query) * 40 + key)];
        CHECK(scores[static_cast<std::size_t>(key)] == Approx(expected));
    }
    CHECK(observationWindow(data, 5).size == 5);
    CHECK_FALSE(observationWindow(data, 5).clamped);
    CHECK(observationWindow(data, 20).size == 12);
    CHECK(observationWindow(data, 20).clamped);
}

TEST_CASE("the tail is kept first and a budget within it keeps its latest tokens", "[unit]")
{
    const std::vector<double> scores{5, 1, 4, 2};
    CHECK(topAndTail(scores, 7, 5).positions == Positions{0, 2, 4, 5, 6});
    CHECK(topAndTail(scores, 7, 3).positions == Positions{4, 5, 6});
    CHECK(topAndTail(scores, 7, 2).positions == Positions{5, 6});
    CHECK(topAndTail(scores, 7, 0).positions.empty());
    CHECK(topAndTail(scores, 7, 7).positions == Positions{0, 1, 2, 3, 4, 5, 6});
}

TEST_CASE("whole chunks fill the room, one that does not fit is skipped", "[unit]")
{
    //                               chunk 0  chunk 1  chunk 2  partial
    const std::vector<double> scores{1, 1, 1, 5, 0, 0, 2, 2, 2, 3};
    CHECK(fillWithChunks(scores, 3, 3).positions == Positions{6, 7, 8});
    CHECK(fillWithChunks(scores, 3, 4).positions == Positions{6, 7, 8, 9});
    CHECK(fillWithChunks(scores, 3, 6).positions == Positions{3, 4, 5, 6, 7, 8});
    CHECK(fillWithChunks(scores, 3, 2).positions == Positions{9});
    CHECK(fillWithChunks(scores, 3, 0).positions.empty());
    CHECK(fillWithChunks({}, 3, 5).positions.empty());
    CHECK(fillWithChunks(std::vector<double>(9, 1.0), 3, 5).tiesAtCut == 3);
}

TEST_CASE("means favour a short last chunk where sums punish it", "[unit]")
{
    const std::vector<double> scores{2, 2, 2, 1, 1, 1, 3};
    CHECK(bestChunks(scores, 3, 1).positions == Positions{6});
    CHECK(fillWithChunks(scores, 3, 3).positions == Positions{0, 1, 2});
    CHECK(bestChunks(scores, 3, 2).positions == Positions{0, 1, 2, 6});
}
