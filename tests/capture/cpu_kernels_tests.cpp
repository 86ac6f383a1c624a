// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The kernels against plain double-precision loops.
#include "capture/cpu_kernels.hpp"
#include "tests/support/catch.hpp"

#include <cmath>
#include <random>
#include <vector>

using namespace kvviz::capture;

namespace {

std::vector<float> randomValues(std::size_t count, float scale, unsigned seed)
{
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal(0, scale);
    std::vector<float> values(count);
    for (float& value : values)
        value = normal(generator);
    return values;
}

} // namespace

TEST_CASE("a softmax row, its entropy and its sink mass match double precision", "[capture][unit]")
{
    const auto size = GENERATE(1, 2, 3, 15, 16, 17, 64, 1000);
    const float spread = GENERATE(0.0f, 1.0f, 30.0f, 500.0f);
    const std::vector<float> scores = randomValues(static_cast<std::size_t>(size), spread, 7);
    std::vector<float> row = scores;
    row.resize(static_cast<std::size_t>(size) + 5, 123.0f);
    const RowSummary summary = softmaxRow(row.data(), size, size + 5, 0.125f, 4);

    const double top = *std::max_element(scores.begin(), scores.end());
    double total = 0;
    for (const float score : scores)
        total += std::exp(0.125 * (score - top));
    double entropy = 0, sinks = 0;
    for (int i = 0; i < size; ++i) {
        const double p = std::exp(0.125 * (scores[static_cast<std::size_t>(i)] - top)) / total;
        CHECK(row[static_cast<std::size_t>(i)] == Approx(p).epsilon(2e-5).margin(1e-30));
        entropy -= p > 0 ? p * std::log(p) : 0;
        sinks += i < 4 ? p : 0;
    }
    CHECK(summary.entropy == Approx(entropy).epsilon(1e-4).margin(2e-5));
    CHECK(summary.sinkMass == Approx(sinks).epsilon(2e-5).margin(1e-30));
    for (int i = size; i < size + 5; ++i)
        CHECK(row[static_cast<std::size_t>(i)] == 0.0f);
}

TEST_CASE("matrix times vector matches double precision in both weight types", "[capture][unit]")
{
    const std::int64_t rows = 37, columns = GENERATE(1, 2, 3, 64, 101, 576);
    CAPTURE(columns);
    const std::vector<float> weight = randomValues(static_cast<std::size_t>(rows * columns), 1, 1);
    const std::vector<float> x = randomValues(static_cast<std::size_t>(columns), 1, 2);
    std::vector<kvviz::core::BFloat16> narrow(weight.size());
    toBFloat16(weight.data(), narrow.data(), std::ssize(weight));
    std::vector<float> widened(weight.size());
    toFloat(narrow.data(), widened.data(), std::ssize(weight));
    std::vector<float> y(static_cast<std::size_t>(rows), 0.5f), z(static_cast<std::size_t>(rows));
    matrixVector(weight.data(), x.data(), y.data(), 0, rows, columns, true);
    std::vector<float> pairs(x.size());
    splitPairs(x.data(), columns, pairs.data());
    matrixVector(narrow.data(), pairs.data(), z.data(), 0, rows, columns, false);
    for (std::int64_t r = 0; r < rows; ++r) {
        double exact = 0.5, rounded = 0;
        for (std::int64_t c = 0; c < columns; ++c) {
            exact +=
                static_cast<double>(weight[static_cast<std::size_t>(r * columns + c)]) * x[static_cast<std::size_t>(c)];
            rounded += static_cast<double>(widened[static_cast<std::size_t>(r * columns + c)])
                       * x[static_cast<std::size_t>(c)];
        }
        CHECK(y[static_cast<std::size_t>(r)] == Approx(exact).margin(1e-4));
        CHECK(z[static_cast<std::size_t>(r)] == Approx(rounded).margin(1e-4));
    }
}

TEST_CASE("log-sum-exp of a vocabulary matches double precision", "[capture][unit]")
{
    const std::vector<float> logits = randomValues(49152, 8, 3);
    double total = 0;
    for (const float logit : logits)
        total += std::exp(static_cast<double>(logit));
    CHECK(logSumExp(logits.data(), std::ssize(logits)) == Approx(std::log(total)).epsilon(1e-7));
}

TEST_CASE("rotation keeps lengths and turns pairs by their angle", "[capture][unit]")
{
    std::vector<float> vector = randomValues(10, 1, 4);
    const std::vector<float> before = vector;
    const std::vector<float> angles{0.1f, 1.0f, 2.5f, -3.0f};
    std::vector<float> cosine, sine;
    for (const float angle : angles) {
        cosine.push_back(std::cos(angle));
        sine.push_back(std::sin(angle));
    }
    rotate(vector.data(), cosine.data(), sine.data(), 8); // two channels stay as they are
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(std::hypot(vector[i], vector[i + 4]) == Approx(std::hypot(before[i], before[i + 4])));
        CHECK(vector[i] == Approx(before[i] * cosine[i] - before[i + 4] * sine[i]));
    }
    CHECK(vector[8] == before[8]);
    CHECK(vector[9] == before[9]);
}
