// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Statistics against hand-computed values and numpy's conventions.
#include "core/error.hpp"
#include "core/statistics.hpp"
#include "tests/support/catch.hpp"

#include <cmath>
#include <limits>
#include <vector>

using namespace kvviz;

namespace {
const float kNan = std::numeric_limits<float>::quiet_NaN();
}

TEST_CASE("quantiles interpolate linearly between order statistics", "[unit]")
{
    const std::vector<double> values{4, 1, 3, 2};
    CHECK(core::quantile(values, 0.0) == 1);
    CHECK(core::quantile(values, 0.25) == Approx(1.75));
    CHECK(core::quantile(values, 0.5) == Approx(2.5));
    CHECK(core::quantile(values, 0.95) == Approx(3.85));
    CHECK(core::quantile(values, 1.0) == 4);
    CHECK(core::quantile(std::vector<double>{7}, 0.3) == 7);
    CHECK_THROWS_AS(core::quantile(values, 1.5), core::Error);
    CHECK_THROWS_AS(core::quantile(values, std::nan("")), core::Error);
}

TEST_CASE("means, deviations and maxima leave NaN values out", "[unit]")
{
    const std::vector<float> values{1, kNan, 2, 6};
    CHECK(core::countDefined(values) == 3);
    CHECK(core::sum(values) == 9);
    CHECK(core::mean(values) == 3);
    CHECK(core::maximum(values) == 6);
    CHECK(core::standardDeviation(values) == Approx(std::sqrt(7.0)));
    CHECK(core::quantile(values, 0.5) == 2);
    CHECK(core::standardDeviation(std::vector<float>{5}) == 0);
    CHECK(core::maximum(std::vector<float>{-3, -7}) == -3);
}

TEST_CASE("statistics of nothing are NaN, their sum is 0", "[unit]")
{
    for (const std::vector<float>& values : {std::vector<float>{}, std::vector<float>{kNan, kNan}}) {
        CHECK(core::sum(values) == 0);
        CHECK(std::isnan(core::mean(values)));
        CHECK(std::isnan(core::maximum(values)));
        CHECK(std::isnan(core::standardDeviation(values)));
        CHECK(std::isnan(core::quantile(values, 0.5)));
    }
}

TEST_CASE("sums of many small floats do not drift", "[unit]")
{
    const std::vector<float> values(3'000'000, 0.1f);
    CHECK(core::mean(values) == Approx(static_cast<double>(0.1f)).epsilon(1e-12));
}
