// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// StreamingLLM against its cache kept as a list of tokens, and its position shift against the definition with
// rotations.
#include "compress/kept_sets.hpp"
#include "compress/online_steps.hpp"
#include "compress/sink_recents.hpp"
#include "core/rotary.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <cmath>
#include <random>

using namespace kvviz;
using namespace kvviz::compress;
using Positions = std::vector<std::int32_t>;

namespace {

core::LayerData shapeOf(std::int64_t n, std::int64_t t)
{
    core::LayerData data;
    data.n = n;
    data.t = t;
    return data;
}

/// The cache as the reference keeps it: before x = 1 coming tokens, first `sinks` and the last recents - 1 stay.
std::vector<Positions> simulate(std::int64_t n, std::int64_t t, std::int64_t sinks, std::int64_t recents)
{
    Positions cache;
    for (std::int32_t token = 0; token < n; ++token)
        cache.push_back(token);
    std::vector<Positions> seen;
    for (std::int64_t step = 0; step < t; ++step) {
        if (std::ssize(cache) + 1 > sinks + recents)
            cache.erase(cache.begin() + sinks, cache.end() - std::max<std::int64_t>(0, recents - 1));
        cache.push_back(static_cast<std::int32_t>(n + step));
        seen.push_back(cache);
    }
    return seen;
}

Positions visibleOf(const std::vector<std::uint8_t>& mask, std::int64_t total, std::int64_t step)
{
    Positions visible;
    for (std::int32_t key = 0; key < total; ++key)
        if (mask[static_cast<std::size_t>(step * total + key)])
            visible.push_back(key);
    return visible;
}

double dot(const std::vector<float>& a, const std::vector<float>& b)
{
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += static_cast<double>(a[i]) * b[i];
    return sum;
}

/// [t, T]
std::vector<std::uint8_t> maskOf(const core::LayerData& data, SinkRecents sizes)
{
    const StepRules rules = streamingRules(data, sizes);
    return replayOnline(data, allHeads(data), rules.start.front(), rules.rules.front(), rules.readsRows);
}

} // namespace

TEST_CASE("the sliding window sees what the reference cache holds at each step", "[unit]")
{
    for (const std::int64_t sinks : {0, 1, 4, 9})
        for (const std::int64_t recents : {0, 1, 2, 6, 15}) {
            CAPTURE(sinks, recents);
            const core::LayerData data = shapeOf(30, 20);
            const auto mask = maskOf(data, {sinks, recents});
            const auto expected = simulate(data.n, data.t, sinks, recents);
            for (std::int64_t step = 0; step < data.t; ++step)
                REQUIRE(visibleOf(mask, data.total(), step) == expected[static_cast<std::size_t>(step)]);
        }
}

TEST_CASE("shifted keys give the logits of a cache whose keys are numbered anew", "[unit]")
{
    const core::LayerData data = shapeOf(40, 30);
    const std::int64_t sinks = 4, recents = 12;
    const int d = 16;
    const core::Rotary rotary(10000.0, 12); // the last four channels do not turn
    std::mt19937_64 random(3);
    std::normal_distribution<float> normal;
    const auto vector = [&] {
        std::vector<float> values(static_cast<std::size_t>(d));
        std::generate(values.begin(), values.end(), [&] { return normal(random); });
        return values;
    };
    const auto turned = [&](std::vector<float> values, std::int64_t position) {
        rotary.rotate(values.data(), position);
        return values;
    };
    std::vector<std::vector<float>> keys; // before RoPE
    for (std::int64_t key = 0; key < data.total(); ++key)
        keys.push_back(vector());
    const auto mask = maskOf(data, {sinks, recents});
    const auto shift = cacheShift(data, mask);
    const auto caches = simulate(data.n, data.t, sinks, recents);
    for (std::int64_t step = 0; step < data.t; ++step) {
        const Positions& cache = caches[static_cast<std::size_t>(step)];
        const std::int64_t position = data.n + step;
        const std::vector<float> query = vector();
        const std::vector<float> inCache = turned(query, std::ssize(cache) - 1);
        for (std::size_t rank = 0; rank < cache.size(); ++rank) {
            const std::int32_t key = cache[rank];
            const auto& plain = keys[static_cast<std::size_t>(key)];
            const double defined = dot(inCache, turned(plain, static_cast<std::int64_t>(rank)));
            const std::int32_t nearer = shift[static_cast<std::size_t>(step * data.total() + key)];
            const double shifted = dot(turned(query, position), turned(turned(plain, key), nearer));
            REQUIRE(shifted == Approx(defined).margin(1e-4));
        }
    }
}

TEST_CASE("only sinks come nearer, by what the window has left behind", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .n = 40, .t = 9});
    const core::LayerData& data = capture.layer(0);
    const LayerPlan plan = makeMethod("streaming")->plan({data, capture.info().segments}, {1.0, 16});
    REQUIRE(plan.changed);
    CHECK(plan.changed->key.empty());
    CHECK(plan.changed->value.empty());
    CHECK(std::ssize(plan.changed->shift) == data.t * data.total());
    for (std::int64_t step = 0; step < data.t; ++step)
        for (std::int64_t key = 0; key < data.total(); ++key)
            CHECK(plan.changed->shift[static_cast<std::size_t>(step * data.total() + key)]
                  == (key < 4 ? data.n + step - 15 : 0));
    Positions kept{0, 1, 2, 3};
    for (std::int32_t key = 28; key < 40; ++key)
        kept.push_back(key);
    CHECK(plan.kept == std::vector<Positions>(2, kept));
}

TEST_CASE("the window without shift evicts the same keys and changes no position", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .n = 40, .t = 9});
    const LayerInput input{capture.layer(0), capture.info().segments};
    for (const std::int64_t tokens : {1, 3, 4, 5, 20, 39}) {
        CAPTURE(tokens);
        const LayerPlan shifted = makeMethod("streaming")->plan(input, {1.0, tokens});
        const LayerPlan plain = makeMethod("streaming_noshift:when=each_step")->plan(input, {1.0, tokens});
        CHECK(shifted.kept == plain.kept);
        CHECK(shifted.keptDecode == plain.keptDecode);
        CHECK_FALSE(plain.changed);
        const LayerPlan once = makeMethod("streaming_noshift")->plan(input, {1.0, tokens});
        CHECK(once.kept == plain.kept);
        CHECK(once.keptDecode.empty());
    }
    const LayerPlan whole = makeMethod("streaming")->plan(input, {1.0, 40});
    CHECK_FALSE(whole.changed);
    CHECK(whole.keptDecode.empty());
}

TEST_CASE("StreamingLLM asks for the arrays that shifted attention is made of, and refuses to run without", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1});
    const auto method = makeMethod("streaming");
    CHECK(method->needs() == (core::Need::keys | core::Need::values | core::Need::queries));
    const core::LayerData rows = capture.loadLayer(0, core::Need::decodeRows);
    CHECK_THROWS_WITH(method->plan({rows, capture.info().segments}, {0.5, {}}), Catch::Matchers::Contains("keys"));
}
