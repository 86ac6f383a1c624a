// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Metrics against a plain double-precision second route, straight from the definitions.
#include "compress/metrics.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <cmath>

using namespace kvviz;
using namespace kvviz::compress;

namespace {

using Vector = std::vector<double>;

struct Expected {
    double eps = 0, nonSink = 0, variation = 0, error = 0, bound = 0, identity = 0;
    bool dead = false;
};

bool sees(const core::LayerData& data, const LayerPlan& plan, int g, std::int64_t step, std::int64_t key)
{
    if (key > data.n + step)
        return false;
    if (!plan.keptDecode.empty())
        return plan.keptDecode[static_cast<std::size_t>((g * data.t + step) * data.total() + key)] != 0;
    const auto& kept = plan.kept[static_cast<std::size_t>(g)];
    return key >= data.n || std::find(kept.begin(), kept.end(), key) != kept.end();
}

double norm(const Vector& v)
{
    double sum = 0;
    for (const double x : v)
        sum += x * x;
    return std::sqrt(sum);
}

Vector minus(const Vector& a, const Vector& b)
{
    Vector c(a);
    for (std::size_t i = 0; i < c.size(); ++i)
        c[i] -= b[i];
    return c;
}

/// Definitions of methods.md 2.2: renormalised row, outputs over kept and dropped keys, all in double.
Expected byDefinition(const core::LayerData& data, const LayerPlan& plan, int head, std::int64_t step, int sinkTokens)
{
    const int g = data.heads.kvHeadOf(head);
    const auto d = static_cast<std::size_t>(data.headDim);
    const auto total = static_cast<std::size_t>(data.total());
    Vector row(total), value(total * d);
    double sum = 0;
    for (std::size_t k = 0; k < total; ++k)
        sum += row[k] = data.decodeRow(head, step)[k];
    for (double& weight : row)
        weight /= sum;
    double rho = 0, nonSink = 0, nonSinkLost = 0;
    for (std::size_t k = 0; k < total; ++k) {
        const bool seen = sees(data, plan, g, step, static_cast<std::int64_t>(k));
        rho += seen ? row[k] : 0;
        if (static_cast<int>(k) >= sinkTokens) {
            nonSink += row[k];
            nonSinkLost += seen ? 0 : row[k];
        }
    }
    Expected expected;
    expected.eps = 1 - rho;
    expected.nonSink = nonSink > 0 ? nonSinkLost / nonSink : 0;
    expected.dead = rho == 0;
    if (expected.dead)
        return expected;
    Vector whole(d), kept(d), dropped(d);
    for (std::size_t k = 0; k < total; ++k) {
        const bool seen = sees(data, plan, g, step, static_cast<std::int64_t>(k));
        expected.variation += 0.5 * std::abs(row[k] - (seen ? row[k] / rho : 0));
        for (std::size_t c = 0; c < d; ++c) {
            const double v = data.value[(static_cast<std::size_t>(g) * total + k) * d + c];
            whole[c] += row[k] * v;
            (seen ? kept : dropped)[c] += row[k] / (seen ? rho : expected.eps) * v;
        }
    }
    for (std::size_t i = 0; i < total; ++i)
        for (std::size_t j = 0; j < i; ++j) {
            Vector difference(d);
            for (std::size_t c = 0; c < d; ++c)
                difference[c] = data.value[(static_cast<std::size_t>(g) * total + i) * d + c]
                                - data.value[(static_cast<std::size_t>(g) * total + j) * d + c];
            expected.bound = std::max(expected.bound, norm(difference));
        }
    expected.error = norm(minus(whole, kept)) / norm(whole);
    expected.bound *= expected.eps / norm(whole);
    expected.identity = expected.eps > 1e-12 ? expected.eps * norm(minus(dropped, kept)) / norm(whole) : 0;
    return expected;
}

test::SyntheticCapture smallCapture(std::uint64_t seed = 1)
{
    return test::SyntheticCapture({.layers = 1, .heads = 6, .kvHeads = 2, .n = 43, .t = 5, .window = 16, .headDim = 8,
                                   .seed = seed});
}

LayerInput inputOf(const test::SyntheticCapture& capture)
{
    return {capture.layer(0), capture.info().segments, 0, 1, 7};
}

} // namespace

TEST_CASE("metrics equal their definitions in double precision", "[unit]")
{
    const auto capture = smallCapture(3);
    const core::LayerData& data = capture.layer(0);
    for (const char* specification : {"random", "streaming_noshift", "snapkv:window=4", "shotkv", "shotkv:recall=true",
                                      "oracle_mass"})
        for (const double ratio : {0.06, 0.3, 0.5, 0.77, 0.95}) {
            CAPTURE(specification, ratio);
            const LayerPlan plan = makeMethod(specification)->plan(inputOf(capture), {ratio, {}});
            const LayerMetrics metrics = evaluate(inputOf(capture), plan, Depth::output, 4);
            CHECK(metrics.deadQueries == 0);
            for (int head = 0; head < data.heads.queryHeads(); ++head)
                for (std::int64_t step = 0; step < data.t; ++step) {
                    const auto at = static_cast<std::size_t>(head * data.t + step);
                    const Expected expected = byDefinition(data, plan, head, step, 4);
                    REQUIRE(metrics.lostMass[at] == Approx(expected.eps).epsilon(1e-5).margin(1e-7));
                    REQUIRE(metrics.lostNonSink[at] == Approx(expected.nonSink).epsilon(1e-5).margin(1e-7));
                    REQUIRE(metrics.outputError[at] == Approx(expected.error).epsilon(1e-5).margin(2e-6));
                    // Identities of the definition itself: total variation is eps; o - o' = eps (o_drop - o_keep).
                    REQUIRE(metrics.lostMass[at] == Approx(expected.variation).epsilon(1e-5).margin(1e-7));
                    REQUIRE(metrics.outputError[at] == Approx(expected.identity).epsilon(1e-5).margin(2e-6));
                    REQUIRE(metrics.outputError[at] <= expected.bound * (1 + 1e-5) + 1e-6);
                }
        }
}

TEST_CASE("a plan that drops nothing loses exactly 0", "[unit]")
{
    const auto capture = smallCapture();
    for (const char* specification : {"fullkv", "shotkv"}) {
        const LayerPlan plan = makeMethod(specification)->plan(inputOf(capture), {1.0, {}});
        const LayerMetrics metrics = evaluate(inputOf(capture), plan, Depth::output, 4);
        for (const auto* list : {&metrics.lostMass, &metrics.lostNonSink, &metrics.outputError})
            for (const float value : *list)
                REQUIRE(value == 0.0f);
    }
}

TEST_CASE("rows that see nothing they attend to are dead queries, not divisions by zero", "[unit]")
{
    auto capture = smallCapture();
    core::LayerData& data = capture.mutableLayer(0);
    std::fill(data.decodeRows.begin(), data.decodeRows.end(), 0.0f);
    for (int head = 0; head < data.heads.queryHeads(); ++head)
        for (std::int64_t step = 0; step < data.t; ++step)
            data.decodeRows[static_cast<std::size_t>((head * data.t + step) * data.total())] = 1.0f; // all on token 0
    const std::int64_t rows = data.heads.queryHeads() * data.t;
    for (const double ratio : {0.3, 0.9}) { // through the kept and through the dropped keys
        LayerPlan plan = makeMethod("streaming_noshift:sinks=0")->plan(inputOf(capture), {ratio, {}});
        LayerMetrics metrics = evaluate(inputOf(capture), plan, Depth::output, 4);
        CHECK(metrics.deadQueries == rows);
        for (std::size_t i = 0; i < metrics.lostMass.size(); ++i) {
            REQUIRE(metrics.lostMass[i] == 1.0f);
            REQUIRE(metrics.lostNonSink[i] == 0.0f); // no mass outside the sinks, so none to lose
            REQUIRE(std::isnan(metrics.outputError[i]));
        }
        plan = makeMethod("streaming_noshift:sinks=1")->plan(inputOf(capture), {ratio, {}});
        metrics = evaluate(inputOf(capture), plan, Depth::output, 4);
        CHECK(metrics.deadQueries == 0);
        for (const float error : metrics.outputError)
            REQUIRE(error == Approx(0.0f).margin(1e-6));
    }
}

TEST_CASE("rows that do not sum to 1 are judged by fractions of their own mass", "[unit]")
{
    auto capture = smallCapture();
    const LayerPlan plan = makeMethod("random")->plan(inputOf(capture), {0.4, {}});
    const LayerMetrics before = evaluate(inputOf(capture), plan, Depth::output, 4);
    for (float& weight : capture.mutableLayer(0).decodeRows)
        weight *= 0.5f;
    const LayerMetrics after = evaluate(inputOf(capture), plan, Depth::output, 4);
    for (std::size_t i = 0; i < before.lostMass.size(); ++i) {
        REQUIRE(after.lostMass[i] == Approx(before.lostMass[i]));
        REQUIRE(after.outputError[i] == Approx(before.outputError[i]).margin(1e-6));
    }
}

TEST_CASE("segment survival is the kept fraction, NaN for segments outside the prompt", "[unit]")
{
    const auto capture = smallCapture();
    LayerPlan plan;
    plan.kept = {{0, 1, 5}, {5, 6}};
    const std::vector<core::Segment> segments{{core::SegmentKind::instruction, 0, {0, 4}, ""},
                                              {core::SegmentKind::shot, 0, {4, 8}, ""},
                                              {core::SegmentKind::shot, 1, {8, 8}, ""},
                                              {core::SegmentKind::generated, 0, {43, 48}, ""}};
    const std::vector<float> survival = segmentSurvival(segments, plan, capture.layer(0).n);
    CHECK(survival[0] == 0.25f);
    CHECK(survival[1] == 0.375f);
    CHECK(std::isnan(survival[2]));
    CHECK(std::isnan(survival[3]));
}

TEST_CASE("evaluation names the array that was not loaded", "[unit]")
{
    auto capture = smallCapture();
    const LayerPlan plan = makeMethod("fullkv")->plan(inputOf(capture), {1.0, {}});
    capture.mutableLayer(0).value.clear();
    CHECK_NOTHROW(evaluate(inputOf(capture), plan, Depth::mass, 4));
    CHECK(evaluate(inputOf(capture), plan, Depth::mass, 4).outputError.empty());
    CHECK_THROWS_WITH(evaluate(inputOf(capture), plan, Depth::output, 4), Catch::Matchers::Contains("values"));
    capture.mutableLayer(0).decodeRows.clear();
    CHECK_THROWS_WITH(evaluate(inputOf(capture), plan, Depth::mass, 4), Catch::Matchers::Contains("decode rows"));
}

TEST_CASE("depths have names and say what they assume", "[unit]")
{
    for (const Depth depth : {Depth::mass, Depth::output}) {
        CHECK(depthFromName(depthName(depth)) == depth);
        CHECK(depthAssumption(depth).size() > 40);
    }
    CHECK(depthFromName("decode") == Depth::decode);
    CHECK_FALSE(depthFromName("deep").has_value());
}
