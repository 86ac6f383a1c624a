// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "core/curves.hpp"

#include "core/error.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

using namespace kvviz;

namespace {

std::vector<float> randomScores(std::size_t count, unsigned seed)
{
    std::mt19937 random(seed);
    std::exponential_distribution<float> draw(1.0f);
    std::vector<float> scores(count);
    std::generate(scores.begin(), scores.end(), [&] { return draw(random); });
    return scores;
}

} // namespace

TEST_CASE("Cumulative curves rise to exactly 1, and sorting can only help", "[unit][curves]")
{
    const auto count = GENERATE(1u, 2u, 3u, 17u, 1000u);
    const auto skip = GENERATE(0, 1, 4);
    const auto scores = randomScores(count, count + 7);
    const auto curve = core::scoreCurve(scores, skip);
    const auto counted = static_cast<std::size_t>(std::max<std::int64_t>(0, static_cast<std::int64_t>(count) - skip));
    REQUIRE(curve.sorted.size() == counted);
    REQUIRE(curve.positional.size() == counted);
    if (counted == 0)
        return;
    CHECK(curve.sorted.back() == 1.0);
    CHECK(curve.positional.back() == 1.0);
    CHECK(std::is_sorted(curve.sorted.begin(), curve.sorted.end()));
    CHECK(std::is_sorted(curve.positional.begin(), curve.positional.end()));
    for (std::size_t i = 0; i < counted; ++i)
        CHECK(curve.sorted[i] >= curve.positional[i] - 1e-12);
    for (std::size_t i = 2; i < counted; ++i) // each further key adds no more than the one before
        CHECK(curve.sorted[i] - curve.sorted[i - 1] <= curve.sorted[i - 1] - curve.sorted[i - 2] + 1e-12);
}

TEST_CASE("Curves agree with shares summed one by one", "[unit][curves]")
{
    const auto scores = randomScores(50, 3);
    const auto curve = core::scoreCurve(scores, 4);
    std::vector<float> rest(scores.begin() + 4, scores.end());
    const double total = std::accumulate(rest.begin(), rest.end(), 0.0);
    CHECK(curve.total == Approx(total));
    CHECK(curve.positional[9] == Approx(std::accumulate(rest.begin(), rest.begin() + 10, 0.0) / total));
    double best = 0;
    for (int taken = 0; taken < 10; ++taken) { // the largest, again and again
        const auto largest = std::max_element(rest.begin(), rest.end());
        best += *largest;
        *largest = 0;
    }
    CHECK(curve.sorted[9] == Approx(best / total));
}

TEST_CASE("A strong sink lifts the curve that counts it", "[unit][curves]")
{
    auto scores = randomScores(400, 5);
    scores[0] = 500.0f;
    const auto with = core::scoreCurve(scores, 0), without = core::scoreCurve(scores, 4);
    // The best keys + 4 with sinks hold at least the sinks and the best keys of the rest: (S + r) / (S + R) >= r / R.
    for (std::int64_t keys = 1; keys <= 396; ++keys)
        CHECK(core::shareAt(with.sorted, keys + 4) >= core::shareAt(without.sorted, keys) - 1e-12);
    CHECK(with.sorted.front() > 0.5);
    CHECK(without.sorted.front() < 0.05);
}

TEST_CASE("The order of the keys does not change the sorted curve, and a scale changes neither", "[unit][curves]")
{
    auto scores = randomScores(200, 9);
    const auto before = core::scoreCurve(scores);
    auto scaled = scores;
    for (float& score : scaled)
        score *= 8.0f;
    CHECK(core::scoreCurve(scaled).positional == before.positional);
    std::shuffle(scores.begin(), scores.end(), std::mt19937(1));
    const auto after = core::scoreCurve(scores);
    for (std::size_t i = 0; i < scores.size(); ++i)
        CHECK(after.sorted[i] == Approx(before.sorted[i]).margin(1e-12));
}

TEST_CASE("Curves of unfriendly scores", "[unit][curves]")
{
    CHECK(core::scoreCurve({}).sorted.empty());
    const std::vector<float> zeros(5, 0.0f);
    CHECK(core::scoreCurve(zeros).sorted == std::vector<double>(5, 0.0));
    CHECK(core::scoreCurve(zeros, 99).skipped == 5);
    CHECK_THROWS_AS(core::scoreCurve(std::vector<float>{1.0f, -0.5f}), core::Error);
    CHECK_THROWS_AS(core::scoreCurve(std::vector<float>{std::numeric_limits<float>::quiet_NaN()}), core::Error);
    CHECK_NOTHROW(core::scoreCurve(std::vector<float>{std::numeric_limits<float>::quiet_NaN(), 1.0f}, 1));
}

TEST_CASE("Reading a curve at a number of keys and at a share", "[unit][curves]")
{
    const std::vector<double> curve{0.4, 0.7, 0.9, 1.0};
    CHECK(core::shareAt(curve, 0) == 0.0);
    CHECK(core::shareAt(curve, 2) == 0.7);
    CHECK(core::shareAt(curve, 99) == 1.0);
    CHECK(core::keysForShare(curve, 0.4) == 1);
    CHECK(core::keysForShare(curve, 0.71) == 3);
    CHECK(core::keysForShare(std::vector<double>(3, 0.0), 0.5) == 3);
}

TEST_CASE("The logarithmic grid is ascending, distinct and ends at the last key", "[unit][curves]")
{
    const auto last = GENERATE(1, 2, 3, 100, 4096, 1 << 20);
    const auto grid = core::logGrid(last, 120);
    CHECK(grid.front() == 1);
    CHECK(grid.back() == last);
    CHECK(std::adjacent_find(grid.begin(), grid.end(), [](auto a, auto b) { return a >= b; }) == grid.end());
    CHECK(core::logGrid(0, 10).empty());
}

TEST_CASE("A bootstrap interval holds the mean, repeats itself, and narrows with more values", "[unit][curves]")
{
    const auto few = randomScores(10, 1), many = randomScores(1000, 1);
    const std::vector<double> small(few.begin(), few.end()), large(many.begin(), many.end());
    const auto a = core::bootstrapMean(small, 7), b = core::bootstrapMean(small, 7), c = core::bootstrapMean(large, 7);
    CHECK(a.low == b.low);
    CHECK(a.high == b.high);
    CHECK(a.low < a.mean);
    CHECK(a.mean < a.high);
    CHECK(c.high - c.low < a.high - a.low);
    // The normal approximation of the same interval: 1.96 standard errors on each side.
    double squares = 0;
    for (const double value : large)
        squares += (value - c.mean) * (value - c.mean);
    const double error = std::sqrt(squares / 999.0 / 1000.0);
    CHECK(c.high - c.low == Approx(2 * 1.96 * error).epsilon(0.1));
    const auto one = core::bootstrapMean(std::vector<double>{3.0}, 1);
    CHECK(one.low == 3.0);
    CHECK(one.high == 3.0);
}

TEST_CASE("A quantile summary of a list", "[unit][curves]")
{
    const auto summary = core::quantileSummary(std::vector<double>{5, 1, 3, 2, 4}, 0.25);
    CHECK(summary.mean == 3.0);
    CHECK(summary.low == 2.0);
    CHECK(summary.high == 4.0);
    CHECK(core::quantileSummary(std::vector<double>{}, 0.1).mean == 0.0);
}
