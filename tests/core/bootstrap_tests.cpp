// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Intervals against closed forms and their coverage on simulated prompts; tests against sums over all outcomes.
#include "core/bootstrap.hpp"
#include "core/correlation.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

using namespace kvviz::core;

namespace {

using Values = std::vector<double>;

const double kNan = std::numeric_limits<double>::quiet_NaN();

/// Smallest k with P(Binomial(n, p) <= k) >= q.
int binomialQuantile(int n, double p, double q)
{
    double mass = std::pow(1 - p, n), below = mass;
    int k = 0;
    for (; below < q && k < n; ++k) {
        mass *= p / (1 - p) * (n - k) / (k + 1);
        below += mass;
    }
    return k;
}

Values answers(int right, int wrong)
{
    Values scores(static_cast<std::size_t>(right), 1.0);
    scores.resize(scores.size() + static_cast<std::size_t>(wrong), 0.0);
    return scores;
}

/// Right answers with the full cache at a rate of 0.7; compression loses each with a chance of 0.2 and finds some.
void drawRun(std::mt19937_64& random, std::size_t prompts, Values& compressed, Values& base)
{
    std::bernoulli_distribution right(0.7), keeps(0.8), finds(0.1);
    compressed.resize(prompts);
    base.resize(prompts);
    for (std::size_t i = 0; i < prompts; ++i) {
        base[i] = right(random);
        compressed[i] = base[i] > 0 ? keeps(random) : finds(random);
    }
}

/// Share of all 2^m signs with which the sum is as far from 0; whole numbers, so that nothing is rounded.
double signFlipOf(const std::vector<int>& differences)
{
    const int seen = std::abs(std::accumulate(differences.begin(), differences.end(), 0));
    std::vector<int> sums{0};
    for (const int difference : differences) {
        const std::size_t count = sums.size();
        for (std::size_t i = 0; i < count; ++i) {
            sums.push_back(sums[i] - difference);
            sums[i] += difference;
        }
    }
    return static_cast<double>(std::count_if(sums.begin(), sums.end(), [&](int s) { return std::abs(s) >= seen; }))
           / static_cast<double>(sums.size());
}

} // namespace

TEST_CASE("bootstrap interval of right answers is that of the binomial distribution", "[unit]")
{
    // A resample of n answers of which the share p is right has Binomial(n, p) right ones.
    for (const auto& [right, wrong] : {std::pair(28, 12), std::pair(60, 140), std::pair(5, 5), std::pair(39, 1)}) {
        const int n = right + wrong;
        const double p = static_cast<double>(right) / n;
        const Estimate estimate = bootstrapMean(answers(right, wrong), {4000, 0.95, 3});
        INFO(right << " right, " << wrong << " wrong");
        CHECK(estimate.value == Approx(p));
        CHECK(estimate.count == n);
        CHECK(std::abs(estimate.low * n - binomialQuantile(n, p, 0.025)) <= 1.001);
        CHECK(std::abs(estimate.high * n - binomialQuantile(n, p, 0.975)) <= 1.001);
    }
}

TEST_CASE("bootstrap standard error of a mean is sigma / sqrt n", "[unit]")
{
    std::mt19937_64 random(1);
    std::normal_distribution<double> normal(5, 2);
    Values scores(400);
    for (double& score : scores)
        score = normal(random);
    double mean = 0, square = 0;
    for (const double score : scores)
        mean += score / 400;
    for (const double score : scores)
        square += (score - mean) * (score - mean) / 400;
    const Estimate estimate = bootstrapMean(scores, {4000, 0.6827, 0}); // one sigma on either side
    const double sigma = std::sqrt(square / 400);
    CHECK(estimate.low == Approx(mean - sigma).margin(0.1 * sigma));
    CHECK(estimate.high == Approx(mean + sigma).margin(0.1 * sigma));
}

TEST_CASE("95 % intervals of delta P hold the true change about 95 % of the time", "[unit]")
{
    std::mt19937_64 random(7);
    const double truth = (0.7 * 0.8 + 0.3 * 0.1 - 0.7) / 0.7;
    Values compressed, base;
    int holds = 0;
    constexpr int kRuns = 500;
    for (int run = 0; run < kRuns; ++run) {
        drawRun(random, 80, compressed, base);
        const Estimate estimate =
            bootstrapRelativeChange(compressed, base, {600, 0.95, static_cast<std::uint64_t>(run)});
        CHECK(estimate.low <= estimate.value);
        CHECK(estimate.value <= estimate.high);
        holds += estimate.low <= truth && truth <= estimate.high;
    }
    CHECK(holds > 0.91 * kRuns);
    CHECK(holds < 0.98 * kRuns);
}

TEST_CASE("intervals of Spearman's correlation hold that of a normal population", "[unit]")
{
    std::mt19937_64 random(9);
    std::normal_distribution<double> normal;
    const double rho = 0.7, truth = 6 / std::acos(-1.0) * std::asin(rho / 2); // closed form for bivariate normals
    int holds = 0;
    constexpr int kRuns = 150;
    for (int run = 0; run < kRuns; ++run) {
        Values a, b;
        for (int i = 0; i < 100; ++i) {
            a.push_back(normal(random));
            b.push_back(rho * a.back() + std::sqrt(1 - rho * rho) * normal(random));
        }
        const Estimate estimate = bootstrapSpearman(a, b, {}, {300, 0.95, 5});
        CHECK(estimate.value == spearman(a, b));
        holds += estimate.low <= truth && truth <= estimate.high;
    }
    CHECK(holds >= 0.88 * kRuns);
}

TEST_CASE("prompts are drawn in pairs", "[unit]")
{
    // The same loss on each prompt: drawn apart, the two scores would differ by chance; drawn in pairs they never do.
    Values base, compressed;
    for (int i = 0; i < 30; ++i) {
        base.push_back(1 + i % 7);
        compressed.push_back(0.75 * base.back());
    }
    const Estimate estimate = bootstrapRelativeChange(compressed, base);
    CHECK(estimate.value == Approx(-0.25));
    CHECK(estimate.low == Approx(-0.25));
    CHECK(estimate.high == Approx(-0.25));
}

TEST_CASE("pairs of one prompt are drawn together", "[unit]")
{
    // Twenty copies of each of ten pairs are no more evidence than the ten.
    std::mt19937_64 random(2);
    std::normal_distribution<double> normal;
    Values a, b, manyA, manyB;
    std::vector<std::int64_t> groups;
    for (std::int64_t i = 0; i < 10; ++i) {
        a.push_back(normal(random));
        b.push_back(a.back() + normal(random));
        for (int copy = 0; copy < 20; ++copy) {
            manyA.push_back(a.back());
            manyB.push_back(b.back());
            groups.push_back(100 - i);
        }
    }
    const ResamplingOptions options{400, 0.95, 8};
    for (const auto& bootstrapOf : {bootstrapSpearman, bootstrapKendall}) {
        const Estimate few = bootstrapOf(a, b, {}, options);
        const Estimate grouped = bootstrapOf(manyA, manyB, groups, options);
        const Estimate asIfFree = bootstrapOf(manyA, manyB, {}, options);
        CHECK(grouped.low == Approx(few.low));
        CHECK(grouped.high == Approx(few.high));
        CHECK(grouped.count == 200);
        CHECK(asIfFree.high - asIfFree.low < 0.5 * (few.high - few.low));
    }
    CHECK(bootstrapKendall(a, b, {}, options).value == kendall(a, b));
    CHECK_THROWS_AS(bootstrapSpearman(a, b, std::vector<std::int64_t>{1, 2}, options), Error);
}

TEST_CASE("the same seed gives the same interval, another one another", "[unit]")
{
    std::mt19937_64 random(3);
    Values compressed, base;
    drawRun(random, 50, compressed, base);
    for (double& score : compressed)
        score += std::uniform_real_distribution<double>(0, 0.1)(random);
    const auto low = [&](std::uint64_t seed) {
        return bootstrapRelativeChange(compressed, base, {500, 0.9, seed}).low;
    };
    CHECK(low(1) == low(1));
    CHECK(low(1) != low(2));
    CHECK(bootstrapMean(compressed, {500, 0.5, 1}).low > bootstrapMean(compressed, {500, 0.99, 1}).low);
}

TEST_CASE("intervals where there is little to say", "[unit]")
{
    const Estimate allRight = bootstrapMean(answers(12, 0)), allWrong = bootstrapMean(answers(0, 12));
    CHECK((allRight.value == 1 && allRight.low == 1 && allRight.high == 1));
    CHECK((allWrong.value == 0 && allWrong.low == 0 && allWrong.high == 0));

    const Estimate one = bootstrapRelativeChange(Values{0.5}, Values{1});
    CHECK((one.value == -0.5 && one.count == 1 && std::isnan(one.low) && std::isnan(one.high)));

    const Estimate none = bootstrapMean({});
    CHECK((std::isnan(none.value) && none.count == 0 && std::isnan(none.low)));

    const Estimate baseZero = bootstrapRelativeChange(answers(3, 3), answers(0, 6));
    CHECK((std::isnan(baseZero.value) && std::isnan(baseZero.low) && std::isnan(baseZero.high)));
    // One right answer in 10: every third resample has a base score of 0.
    const Estimate baseRare = bootstrapRelativeChange(answers(0, 10), answers(1, 9));
    CHECK((baseRare.value == -1 && std::isnan(baseRare.low)));

    const Estimate gaps = bootstrapMean(Values{1, kNan, 1, kNan});
    CHECK((gaps.value == 1 && gaps.count == 2));
    const Estimate constant = bootstrapSpearman(Values{1, 1, 1}, Values{1, 2, 3});
    CHECK((std::isnan(constant.value) && std::isnan(constant.low)));
    CHECK_THROWS_WITH(bootstrapRelativeChange(Values{1}, Values{1, 2}), Catch::Contains("1 and 2 numbers"));
    CHECK_THROWS_AS(bootstrapMean(Values{1, 2}, {0, 0.95, 0}), Error);
    CHECK_THROWS_AS(bootstrapMean(Values{1, 2}, {10, 1.0, 0}), Error);
    CHECK_THROWS_AS(bootstrapMean(Values{1, 2}, {10, kNan, 0}), Error);
}

TEST_CASE("McNemar's exact test", "[unit]")
{
    CHECK(mcNemar(0, 0) == 1);
    CHECK(mcNemar(5, 5) == 1);
    CHECK(mcNemar(0, 6) == Approx(2.0 / 64));
    CHECK(mcNemar(6, 0) == Approx(2.0 / 64));
    CHECK(mcNemar(2, 8) == Approx(2 * (1 + 10 + 45) / 1024.0));
    CHECK(mcNemar(5000, 5000) == 1);
    // For many prompts the normal distribution with a correction of 1/2 gives the same.
    const double z = (200 - 0.5) / std::sqrt(10000 / 4.0);
    CHECK(mcNemar(4800, 5200) == Approx(std::erfc(z / std::sqrt(2.0))).epsilon(0.01));
    CHECK_THROWS_AS(mcNemar(-1, 3), Error);
}

TEST_CASE("sign-flip test agrees with a count of all signs", "[unit]")
{
    std::mt19937_64 random(4);
    for (int round = 0; round < 40; ++round) {
        std::vector<int> differences(static_cast<std::size_t>(1 + round % 12));
        for (int& difference : differences)
            difference = static_cast<int>(random() % 9) - 3;
        Values first, second;
        for (const int difference : differences) {
            second.push_back(static_cast<double>(random() % 5));
            first.push_back(second.back() + difference * 0.1); // not exact in binary
        }
        for (double& value : first)
            value = std::round(value * 10) / 10;
        CHECK(signFlip(first, second) == Approx(signFlipOf(differences)));
        CHECK(signFlip(second, first) == Approx(signFlip(first, second)));
    }
    CHECK(signFlip(Values{0.5, 1}, Values{0.5, 1}) == 1);
    CHECK(signFlip(Values{2}, Values{1}) == 1);
    CHECK(signFlip({}, {}) == 1);
}

TEST_CASE("right and wrong answers are tested exactly, other scores by sign flips", "[unit]")
{
    const Values base = answers(14, 6);
    Values compressed = base;
    for (std::size_t i = 0; i < 7; ++i)
        compressed[i] = 0;
    compressed[19] = 1;
    CHECK(pairedTest(compressed, base) == mcNemar(1, 7));
    CHECK(signFlip(compressed, base) == Approx(mcNemar(1, 7))); // the same question for differences of 1
    compressed[19] = 0.25; // the one gain is small now: only 4 of 256 signs give a sum as far from 0
    CHECK(pairedTest(compressed, base) == Approx(4.0 / 256));
    CHECK(std::isnan(pairedTest(Values{kNan}, Values{1})));
    CHECK(pairedTest(base, base) == 1);
}

TEST_CASE("drawn sign flips come close to the exact test and are never 0", "[unit]")
{
    const Values base = answers(60, 0);
    Values compressed = base;
    for (std::size_t i = 0; i < 30; ++i)
        compressed[i] = i < 10 ? 2 : 0;
    // 20 of 30 differences on one side: the same coin tosses as in McNemar's test.
    CHECK(signFlip(compressed, base, {20000, 0.95, 1}) == Approx(mcNemar(10, 20)).margin(0.012));
    CHECK(signFlip(Values(40, 1.0), Values(40, 0.0), {999, 0.95, 1}) == Approx(0.001));
}

TEST_CASE("p values are uniform when compression changes nothing", "[unit]")
{
    std::mt19937_64 random(6);
    std::normal_distribution<double> normal;
    int below = 0;
    constexpr int kRuns = 300;
    for (int run = 0; run < kRuns; ++run) {
        Values first, second;
        for (int i = 0; i < 25; ++i) {
            first.push_back(normal(random));
            second.push_back(normal(random));
        }
        below += pairedTest(first, second, {200, 0.95, static_cast<std::uint64_t>(run)}) <= 0.2;
    }
    CHECK(std::abs(below - 0.2 * kRuns) < 30); // four standard deviations
}
