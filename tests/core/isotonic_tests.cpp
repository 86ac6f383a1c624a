// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Monotone regression against the best of all ways to cut the points into blocks.
#include "core/error.hpp"
#include "core/isotonic.hpp"
#include "tests/support/catch.hpp"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace kvviz::core;

namespace {

using Values = std::vector<double>;

const double kNan = std::numeric_limits<double>::quiet_NaN();

/// The least squares over all functions that never fall, of points at x = 0, 1, ...: some cut into blocks with rising
/// means is the best one.
Values bestRising(const Values& y, const Values& weights)
{
    Values best;
    double bestLoss = std::numeric_limits<double>::infinity();
    for (std::uint32_t cuts = 0; cuts < 1u << (y.size() - 1); ++cuts) {
        Values values;
        double loss = 0, before = -std::numeric_limits<double>::infinity();
        bool rising = true;
        for (std::size_t begin = 0, end = 0; begin < y.size(); begin = end) {
            for (end = begin + 1; end < y.size() && (cuts >> (end - 1) & 1u) == 0;)
                ++end;
            double total = 0, weight = 0;
            for (std::size_t i = begin; i < end; ++i) {
                total += weights[i] * y[i];
                weight += weights[i];
            }
            rising &= total / weight >= before;
            before = total / weight;
            for (std::size_t i = begin; i < end; ++i) {
                values.push_back(before);
                loss += weights[i] * (y[i] - before) * (y[i] - before);
            }
        }
        if (rising && loss < bestLoss) {
            bestLoss = loss;
            best = values;
        }
    }
    return best;
}

void requireClose(const Values& a, const Values& b)
{
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i)
        CHECK(a[i] == Approx(b[i]).margin(1e-9));
}

} // namespace

TEST_CASE("monotone regression is the best of all monotone functions", "[unit]")
{
    std::mt19937 random(5);
    std::normal_distribution<double> normal;
    for (int round = 0; round < 60; ++round) {
        const std::size_t n = 1 + static_cast<std::size_t>(round) % 10;
        Values x, y, negative, weights, places;
        for (std::size_t i = 0; i < n; ++i) {
            places.push_back(static_cast<double>(i));
            y.push_back(round % 3 == 0 ? std::round(normal(random)) : 0.2 * static_cast<double>(i) + normal(random));
            negative.push_back(-y.back());
            weights.push_back(round % 2 == 0 ? 1 : 0.1 + std::abs(normal(random)));
        }
        const Values expected = bestRising(y, weights);
        requireClose(fitIsotonic(places, y, weights, Direction::rising).y, expected);
        if (round % 2 == 0)
            requireClose(fitIsotonic(places, y, {}, Direction::rising).y, expected);
        Values falling = fitIsotonic(places, negative, weights, Direction::falling).y;
        for (double& value : falling)
            value = -value;
        requireClose(falling, expected);
    }
}

TEST_CASE("monotone regression does not depend on the order of the points, a weight counts as copies", "[unit]")
{
    const Values x{3, 1, 2, 2, 5, 4}, y{2, 1, 4, 0, 3, 6};
    const IsotonicFit fit = fitIsotonic(x, y, {}, Direction::rising);
    CHECK(fit.x == Values{1, 2, 3, 4, 5}); // the two points at 2 are one, of value 2
    requireClose(fit.y, {1, 2, 2, 4.5, 4.5});

    const IsotonicFit weighted = fitIsotonic(Values{1, 2, 3}, Values{1, 3, 0}, Values{1, 2, 1}, Direction::rising);
    const IsotonicFit copied = fitIsotonic(Values{2, 1, 3, 2}, Values{3, 1, 0, 3}, {}, Direction::rising);
    CHECK(weighted.x == copied.x);
    requireClose(weighted.y, copied.y);
    requireClose(weighted.y, {1, 2, 2});
}

TEST_CASE("monotone predictions are interpolated and held beyond the ends", "[unit]")
{
    const IsotonicFit fit = fitIsotonic(Values{0, 1, 3}, Values{0, 10, 30}, {}, Direction::rising);
    CHECK(fit(1) == 10);
    CHECK(fit(2) == Approx(20));
    CHECK(fit(0.25) == Approx(2.5));
    CHECK(fit(-7) == 0);
    CHECK(fit(99) == 30);
    CHECK(std::isnan(fit(kNan)));
    CHECK(std::isnan(IsotonicFit()(1)));
    CHECK(fitIsotonic(Values{4}, Values{2}, {}, Direction::falling)(-1) == 2);
    CHECK(fitIsotonic(Values{4, kNan, 5}, Values{2, 9, kNan}, {}, Direction::rising).x == Values{4});
    CHECK(fitIsotonic({}, {}, {}, Direction::rising).x.empty());
    CHECK_THROWS_WITH(fitIsotonic(Values{1}, {}, {}, Direction::rising), Catch::Contains("1 x, 0 y"));
    CHECK_THROWS_AS(fitIsotonic(Values{1}, Values{1}, Values{0}, Direction::rising), Error);
    CHECK_THROWS_AS(fitIsotonic(Values{1}, Values{1}, Values{kNan}, Direction::rising), Error);
}

TEST_CASE("cross-validation never shows a group its own points", "[unit]")
{
    std::mt19937 random(8);
    std::normal_distribution<double> normal;
    Values x, y;
    std::vector<std::int64_t> groups;
    for (int i = 0; i < 40; ++i) {
        x.push_back(normal(random));
        y.push_back(-x.back() + 0.3 * normal(random));
        groups.push_back(10 * (i % 4));
    }
    const IsotonicCalibration all = calibrateIsotonic(x, y, {}, groups, Direction::falling);
    for (std::size_t changed = 0; changed < 4; ++changed) {
        Values other = y;
        for (std::size_t i = changed; i < other.size(); i += 4)
            other[i] = 100 + x[i];
        const IsotonicCalibration moved = calibrateIsotonic(x, other, {}, groups, Direction::falling);
        for (std::size_t i = 0; i < x.size(); ++i)
            if (i % 4 == changed)
                CHECK(moved.predictions[i] == all.predictions[i]);
    }
    // The predictions of one group are those of a fit of the others.
    Values restX, restY;
    for (std::size_t i = 0; i < x.size(); ++i)
        if (groups[i] != 20) {
            restX.push_back(x[i]);
            restY.push_back(y[i]);
        }
    const IsotonicFit rest = fitIsotonic(restX, restY, {}, Direction::falling);
    for (std::size_t i = 2; i < x.size(); i += 4)
        CHECK(all.predictions[i] == rest(x[i]));
}

TEST_CASE("expected values lie in their interval about as often as it says", "[unit]")
{
    std::mt19937 random(11);
    std::normal_distribution<double> normal;
    Values x, y;
    std::vector<std::int64_t> groups;
    for (int i = 0; i < 800; ++i) {
        x.push_back(std::abs(normal(random)));
        y.push_back(-std::tanh(x.back()) + 0.1 * normal(random));
        groups.push_back(i % 8);
    }
    const IsotonicCalibration calibration = calibrateIsotonic(x, y, {}, groups, Direction::falling, 0.9);
    CHECK(calibration.residualLow == Approx(-0.1645).margin(0.03)); // of a normal distribution with sigma 0.1
    CHECK(calibration.residualHigh == Approx(0.1645).margin(0.03));
    int holds = 0;
    for (int i = 0; i < 1000; ++i) {
        const double at = std::abs(normal(random));
        const auto [value, low, high] = calibration.expect(at);
        CHECK(value == calibration.fit(at));
        const double measured = -std::tanh(at) + 0.1 * normal(random);
        holds += low <= measured && measured <= high;
    }
    CHECK(holds > 860);
    CHECK(holds < 940);
}

TEST_CASE("groups weigh the same in the interval however many points they have", "[unit]")
{
    // Three groups of 1, 1 and 98 points at one place: the small ones are off by 1, so they are two thirds.
    Values x(100, 1.0), y(100, 0.0);
    std::vector<std::int64_t> groups(100, 3);
    y[0] = 1, groups[0] = 1;
    y[1] = 1, groups[1] = 2;
    const IsotonicCalibration calibration = calibrateIsotonic(x, y, {}, groups, Direction::rising, 0.5);
    CHECK(calibration.residualHigh == Approx(1 - 1.0 / 99));
    CHECK(calibration.residualLow == Approx(-1));
}

TEST_CASE("a calibration that cannot be validated has no interval", "[unit]")
{
    const IsotonicCalibration single =
        calibrateIsotonic(Values{1, 2}, Values{1, 2}, {}, std::vector<std::int64_t>{7, 7}, Direction::rising);
    CHECK(single.fit(2) == 2);
    CHECK((std::isnan(single.predictions[0]) && std::isnan(single.predictions[1])));
    CHECK((std::isnan(single.residualLow) && std::isnan(single.expect(1).high) && single.expect(1).value == 1));

    const std::vector<std::int64_t> two{1, 2};
    const IsotonicCalibration gap = calibrateIsotonic(Values{1, 2}, Values{kNan, 5}, {}, two, Direction::rising);
    CHECK(gap.predictions[0] == 5); // what is not measured can still be predicted
    CHECK(std::isnan(gap.predictions[1]));
    CHECK(std::isnan(gap.residualLow));
    CHECK_THROWS_AS(calibrateIsotonic(Values{1}, Values{1}, {}, two, Direction::rising), Error);
    CHECK_THROWS_AS(calibrateIsotonic(Values{1, 2}, Values{1, 2}, {}, two, Direction::rising, 0), Error);
}
