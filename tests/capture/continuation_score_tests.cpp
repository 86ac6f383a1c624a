// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Scores of a continuation against their definitions in long double.
#include "capture/continuation_score.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

using namespace kvviz;
using namespace kvviz::capture;

namespace {

std::vector<float> randomLogits(std::size_t count, float spread, unsigned seed)
{
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal(0, spread);
    std::vector<float> values(count);
    for (float& value : values)
        value = normal(generator);
    return values;
}

std::vector<float> changed(const std::vector<float>& logits, float spread, unsigned seed)
{
    std::vector<float> other = randomLogits(logits.size(), spread, seed);
    for (std::size_t i = 0; i < logits.size(); ++i)
        other[i] += logits[i];
    return other;
}

std::vector<std::int32_t> someIds(std::int64_t count, std::int64_t vocab)
{
    std::vector<std::int32_t> ids;
    for (std::int64_t i = 0; i < count; ++i)
        ids.push_back(static_cast<std::int32_t>((i * 7919 + 13) % vocab));
    return ids;
}

/// log softmax of one row, by its definition.
std::vector<long double> logSoftmax(const float* row, std::int64_t vocab)
{
    const long double top = *std::max_element(row, row + vocab);
    long double total = 0;
    for (std::int64_t k = 0; k < vocab; ++k)
        total += std::exp(row[k] - top);
    std::vector<long double> result;
    for (std::int64_t k = 0; k < vocab; ++k)
        result.push_back(row[k] - top - std::log(total));
    return result;
}

} // namespace

TEST_CASE("log-probabilities, their change, divergence and top-1 agreement follow their definitions", "[capture][unit]")
{
    const std::int64_t vocab = GENERATE(1, 2, 7, 1000, 49152);
    const auto [spread, change] =
        GENERATE(std::pair(3.0f, 1.0f), std::pair(0.0f, 0.3f), std::pair(3.0f, 1e-3f), std::pair(40.0f, 60.0f));
    const std::int64_t t = vocab > 1000 ? 2 : 5;
    const std::vector<float> full = randomLogits(static_cast<std::size_t>(t * vocab), spread, 1);
    const std::vector<float> other = changed(full, change, 2);
    const std::vector<std::int32_t> ids = someIds(t, vocab);
    const auto next = static_cast<std::int32_t>(vocab - 1);
    const ContinuationReference reference(full, ids, vocab, next);
    const ContinuationScore score = reference.score(other);
    for (std::int64_t i = 0; i < t; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const std::vector<long double> p = logSoftmax(full.data() + i * vocab, vocab);
        const std::vector<long double> q = logSoftmax(other.data() + i * vocab, vocab);
        long double divergence = 0;
        for (std::size_t k = 0; k < p.size(); ++k)
            divergence += std::exp(p[k]) * (p[k] - q[k]);
        const auto following = static_cast<std::size_t>(i + 1 < t ? ids[at + 1] : next);
        INFO("row " << i << ", vocabulary " << vocab << ", spread " << spread << ", change " << change);
        CHECK(reference.logprob()[at] == Approx(static_cast<double>(p[following])).epsilon(1e-13).margin(1e-13));
        CHECK(score.logprob[at] == Approx(static_cast<double>(q[following])).epsilon(1e-12).margin(1e-13));
        CHECK(score.change[at]
              == Approx(static_cast<double>(q[following] - p[following])).epsilon(1e-12).margin(1e-13));
        CHECK(score.divergence[at] == Approx(static_cast<double>(divergence)).epsilon(1e-10).margin(1e-17));
        const bool sameTop =
            std::max_element(p.begin(), p.end()) - p.begin() == std::max_element(q.begin(), q.end()) - q.begin();
        CHECK(score.sameTop[at] == (sameTop ? 1 : 0));
    }
}

TEST_CASE("a run equal to the reference is at distance exactly 0", "[capture][unit]")
{
    const std::int64_t vocab = GENERATE(1, 50, 49152), t = 3;
    const std::vector<float> full = randomLogits(static_cast<std::size_t>(t * vocab), 5, 3);
    const ContinuationReference reference(full, someIds(t, vocab), vocab, 0);
    const ContinuationScore score = reference.score(full);
    CHECK(score.change == std::vector<double>(3, 0.0));
    CHECK(score.divergence == std::vector<double>(3, 0.0));
    CHECK(score.sameTop == std::vector<std::uint8_t>(3, 1));
    CHECK(score.logprob == reference.logprob());
}

TEST_CASE("a constant added to all logits changes nothing", "[capture][unit]")
{
    const std::int64_t vocab = 1000;
    std::vector<float> full = randomLogits(1000, 3, 4);
    for (float& value : full)
        value = std::round(value * 256) / 256; // sums are exact
    std::vector<float> other = full;
    for (float& value : other)
        value += 17.0f;
    const ContinuationScore score = ContinuationReference(full, someIds(1, vocab), vocab, 5).score(other);
    CHECK(std::abs(score.change[0]) < 1e-13);
    CHECK(score.divergence[0] < 1e-25);
}

TEST_CASE("a tiny divergence is half the variance of the change of logits", "[capture][unit]")
{
    // KL = Var_p(x) / 2 + O(x^3): down here a difference of two log-sums would be rounding noise.
    const std::int64_t vocab = 4096;
    const std::vector<float> full(4096, 0.0f);
    std::vector<float> other(4096, 0.0f);
    other[7] = 1e-6f;
    const ContinuationScore score = ContinuationReference(full, someIds(1, vocab), vocab).score(other);
    const double x = static_cast<double>(1e-6f);
    const double variance = x * x / 4096 - (x / 4096) * (x / 4096);
    CHECK(score.divergence[0] == Approx(variance / 2).epsilon(1e-5));
    CHECK(score.divergence[0] > 0);
}

TEST_CASE("the token after the last is scored only when it is known", "[capture][unit]")
{
    const std::vector<float> full = randomLogits(3 * 20, 2, 5);
    const std::vector<float> other = changed(full, 1, 6);
    const std::vector<std::int32_t> ids{4, 9, 1};
    const ContinuationReference unknown(full, ids, 20);
    const ContinuationReference known(full, ids, 20, 19);
    CHECK(std::isnan(unknown.logprob()[2]));
    CHECK(std::isnan(unknown.score(other).logprob[2]));
    CHECK(std::isnan(unknown.score(other).change[2]));
    CHECK(std::isfinite(unknown.score(other).divergence[2]));
    CHECK(std::isfinite(known.score(other).change[2]));
    CHECK(unknown.score(other).change[1] == known.score(other).change[1]);
}

TEST_CASE("the most likely token of equals is the lowest, and NaN stays NaN", "[capture][unit]")
{
    const std::vector<float> full{1, 3, 3, 0};
    const auto sameTop = [&](const std::vector<float>& other) {
        return ContinuationReference(full, std::vector<std::int32_t>{0}, 4).score(other).sameTop[0];
    };
    CHECK(sameTop({0, 5, 5, 5}) == 1);
    CHECK(sameTop({0, 4, 5, 0}) == 0);
    CHECK(sameTop({5, 5, 5, 5}) == 0);
    const std::vector<float> broken{1, std::numeric_limits<float>::quiet_NaN(), 3, 0};
    const ContinuationScore score = ContinuationReference(full, std::vector<std::int32_t>{0}, 4, 2).score(broken);
    CHECK(std::isnan(score.divergence[0]));
    CHECK(std::isnan(score.change[0]));
}

TEST_CASE("tokens and logits that do not fit are refused", "[capture][unit]")
{
    const std::vector<float> full = randomLogits(2 * 10, 2, 5);
    using Ids = std::vector<std::int32_t>;
    CHECK_THROWS_AS(ContinuationReference(full, Ids{1, 10}, 10), core::Error);
    CHECK_THROWS_AS(ContinuationReference(full, Ids{-1, 1}, 10), core::Error);
    CHECK_THROWS_AS(ContinuationReference(full, Ids{1, 2}, 10, 10), core::Error);
    CHECK_THROWS_AS(ContinuationReference(full, Ids{}, 10), core::Error);
    CHECK_THROWS_AS(ContinuationReference(full, Ids{1, 2, 3}, 10), core::Error);
    const ContinuationReference reference(full, Ids{1, 2}, 10);
    CHECK_THROWS_AS(reference.score(std::span(full).first(19)), core::Error);
}
