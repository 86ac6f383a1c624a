// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Vector kernels against plain loops in double, with shapes that leave ragged edges and rows that are not adjacent.
#include "core/kernels.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

using namespace kvviz::core;

namespace {

std::vector<float> randomValues(std::size_t count, unsigned seed)
{
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> values(count);
    for (float& value : values)
        value = normal(random);
    return values;
}

} // namespace

TEST_CASE("products of any shape equal plain loops and touch nothing else", "[unit]")
{
    for (const std::int64_t m : {1, 3, 4, 5, 17})
        for (const std::int64_t k : {0, 1, 7, 64})
            for (const std::int64_t n : {1, 31, 32, 33, 70})
                for (const bool accumulate : {false, true}) {
                    CAPTURE(m, k, n, accumulate);
                    const std::int64_t lda = k + 2, ldb = n + 3, ldc = n + 1;
                    const auto a = randomValues(static_cast<std::size_t>(m * lda), 1);
                    const auto b = randomValues(static_cast<std::size_t>((k + 1) * ldb), 2);
                    const auto before = randomValues(static_cast<std::size_t>(m * ldc), 3);
                    auto c = before;
                    multiply(a.data(), lda, b.data(), ldb, c.data(), ldc, m, k, n, accumulate);
                    for (std::int64_t i = 0; i < m; ++i) {
                        for (std::int64_t j = 0; j < n; ++j) {
                            double sum = accumulate ? before[static_cast<std::size_t>(i * ldc + j)] : 0.0f;
                            for (std::int64_t p = 0; p < k; ++p)
                                sum += static_cast<double>(a[static_cast<std::size_t>(i * lda + p)])
                                       * b[static_cast<std::size_t>(p * ldb + j)];
                            REQUIRE(c[static_cast<std::size_t>(i * ldc + j)] == Approx(sum).margin(1e-4));
                        }
                        REQUIRE(c[static_cast<std::size_t>(i * ldc + n)] == before[static_cast<std::size_t>(i * ldc + n)]);
                    }
                }
}

TEST_CASE("a matrix transposed twice is itself", "[unit]")
{
    const std::int64_t rows = 37, columns = 21;
    const auto from = randomValues(static_cast<std::size_t>(rows * columns), 4);
    std::vector<float> to(from.size()), back(from.size());
    transpose(from.data(), columns, to.data(), rows, rows, columns);
    CHECK(to[static_cast<std::size_t>(5 * rows + 7)] == from[static_cast<std::size_t>(7 * columns + 5)]);
    transpose(to.data(), rows, back.data(), columns, columns, rows);
    CHECK(back == from);
}

TEST_CASE("exponentials, sums and differences equal plain loops", "[unit]")
{
    for (const std::int64_t count : {1, 2, 15, 16, 17, 333}) {
        CAPTURE(count);
        const auto a = randomValues(static_cast<std::size_t>(count), 5), b = randomValues(static_cast<std::size_t>(count), 6);
        const float top = largest(a.data(), count);
        CHECK(top == *std::max_element(a.begin(), a.end()));
        auto e = a;
        const float sum = exponentials(e.data(), count, 0.7f, top);
        double expected = 0, whole = 0, grew = 0, squares = 0;
        for (std::size_t i = 0; i < a.size(); ++i) {
            CHECK(e[i] == Approx(std::exp(0.7 * (static_cast<double>(a[i]) - top))).epsilon(1e-6));
            expected += e[i];
            whole += a[i];
            squares += std::pow(1.5 * a[i] - 0.25 * b[i], 2);
            grew += std::max(0.0, a[i] - 0.3 * b[i]);
        }
        CHECK(sum == Approx(expected));
        CHECK(total(a.data(), count) == Approx(whole).margin(1e-9));
        CHECK(combinedSquares(a.data(), 1.5, b.data(), -0.25, count) == Approx(squares));
        CHECK(grown(a.data(), b.data(), 0.3f, count) == Approx(grew).margin(1e-6));
        CHECK(grown(a.data(), a.data(), 1.0f, count) == 0);
        scaleBy(e.data(), count, 2.0f);
        CHECK(total(e.data(), count) == Approx(2 * expected));
        std::vector<std::int32_t> index(static_cast<std::size_t>(count));
        std::iota(index.rbegin(), index.rend(), 0);
        std::vector<float> taken(static_cast<std::size_t>(count));
        CHECK(gather(a.data(), index.data(), count, taken.data()) == Approx(whole).margin(1e-9));
        CHECK(std::equal(taken.rbegin(), taken.rend(), a.begin()));
    }
}
