// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Rank correlations: textbook values, ties, and what monotone maps must not change.
#include "core/correlation.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"

#include <cmath>
#include <limits>
#include <random>

using namespace kvviz::core;

TEST_CASE("equal values share the mean of their ranks", "[unit]")
{
    CHECK(ranks(std::vector<double>{3, 1, 3, 2}) == std::vector<double>{3.5, 1, 3.5, 2});
    CHECK(ranks({}).empty());
}

TEST_CASE("correlations of worked examples", "[unit]")
{
    // Spearman by 1 - 6 sum d^2 / (n (n^2 - 1)): d^2 sums to 4 here.
    const std::vector<double> a{1, 2, 3, 4, 5}, b{2, 1, 4, 3, 5};
    CHECK(spearman(a, b) == Approx(0.8));
    CHECK(kendall(a, b) == Approx(0.6)); // 8 concordant, 2 discordant of 10
    CHECK(pearson(a, b) == Approx(0.8));
    // tau-b with a tie in one list: 5 concordant of sqrt(5 * 6).
    CHECK(kendall(std::vector<double>{1, 1, 2, 3}, std::vector<double>{1, 2, 3, 4}) == Approx(5 / std::sqrt(30.0)));
}

TEST_CASE("rank correlations ignore monotone maps and missing pairs", "[unit]")
{
    std::mt19937 random(4);
    std::normal_distribution<double> normal;
    std::vector<double> a, b, mapped;
    for (int i = 0; i < 60; ++i) {
        a.push_back(normal(random));
        b.push_back(a.back() + normal(random));
        mapped.push_back(std::exp(3 * b.back()));
    }
    CHECK(spearman(a, mapped) == Approx(spearman(a, b)));
    CHECK(kendall(a, mapped) == Approx(kendall(a, b)));
    CHECK(spearman(a, a) == Approx(1));
    const double before = kendall(a, b);
    a.push_back(std::numeric_limits<double>::quiet_NaN());
    b.push_back(100);
    CHECK(kendall(a, b) == before);
}

TEST_CASE("correlations that are not defined", "[unit]")
{
    CHECK(std::isnan(spearman(std::vector<double>{1}, std::vector<double>{1})));
    CHECK(std::isnan(kendall(std::vector<double>{1, 1}, std::vector<double>{1, 2})));
    CHECK_THROWS_AS(spearman(std::vector<double>{1, 2}, std::vector<double>{1}), Error);
}
