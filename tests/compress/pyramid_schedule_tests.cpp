// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// PyramidKV's budgets: the published numbers of each rule, totals, and the place of a layer in the model.
#include "compress/pyramid_schedule.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

using namespace kvviz;
using namespace kvviz::compress;

namespace {

using Tokens = std::vector<std::int64_t>;

Tokens firstThree(const Tokens& all) { return {all.begin(), all.begin() + 3}; }
Tokens lastThree(const Tokens& all) { return {all.end() - 3, all.end()}; }
double mean(const Tokens& all)
{
    return static_cast<double>(std::accumulate(all.begin(), all.end(), std::int64_t{0}))
           / static_cast<double>(all.size());
}
bool allEqual(const Tokens& all, std::int64_t value)
{
    return std::all_of(all.begin(), all.end(), [&](std::int64_t tokens) { return tokens == value; });
}

/// KVCache-Factory's integers, one layer at a time.
std::int64_t factoryByHand(std::int64_t n, std::int64_t capacity, std::int64_t w, std::int64_t layers,
                           std::int64_t beta, std::int64_t layer)
{
    std::int64_t low = (capacity - w) / beta;
    std::int64_t high = 2 * (capacity - w) - low;
    if (high + w >= n) {
        high = n - w;
        low = 2 * (capacity - w) - high;
    }
    return high - layer * ((high - low) / (layers - 1)) + w;
}

} // namespace

TEST_CASE("the factory pyramid gives the published budgets", "[unit]")
{
    const Tokens small = factoryPyramid({4096, 128, 8, 32, 20});
    CHECK(firstThree(small) == Tokens{242, 235, 228});
    CHECK(lastThree(small) == Tokens{39, 32, 25});
    CHECK(mean(small) == 133.5);
    const Tokens large = factoryPyramid({4096, 512, 8, 32, 20});
    CHECK(firstThree(large) == Tokens{991, 961, 931});
    CHECK(lastThree(large) == Tokens{121, 91, 61});
    CHECK(mean(large) == 526);
    CHECK(mean(factoryPyramid({4096 * 4, 2048, 32, 32, 20})) == 2057.5);
}

TEST_CASE("the kvpress pyramid gives the published budgets", "[unit]")
{
    const KvpressPyramid half = kvpressPyramid({4096, 0, 64, 32, 20}, kvpressKept({0.5, {}}, 4096));
    CHECK_FALSE(half.fellBack);
    CHECK(firstThree(half.capacities) == Tokens{3994, 3868, 3743});
    CHECK(lastThree(half.capacities) == Tokens{353, 228, 102});
    CHECK(mean(half.capacities) == 2048);
    const KvpressPyramid tenth = kvpressPyramid({4096, 0, 64, 32, 20}, kvpressKept({0.1, {}}, 4096));
    CHECK(tenth.fellBack);
    CHECK(allEqual(tenth.capacities, 410));
    const KvpressPyramid narrow = kvpressPyramid({4096, 0, 8, 32, 20}, kvpressKept({0.1, {}}, 4096));
    CHECK_FALSE(narrow.fellBack);
    CHECK(firstThree(narrow.capacities) == Tokens{799, 774, 749});
    CHECK(lastThree(narrow.capacities) == Tokens{71, 46, 20});
    CHECK(allEqual(kvpressPyramid({10, 0, 64, 4, 20}, kvpressKept({0.01, {}}, 10)).capacities, 1)); // never empty
    CHECK(kvpressKept({1.0, 70}, 50) == 50);
    // Halves that fall to the other side when the window is not added and taken off again as there.
    CHECK(kvpressPyramid({345, 0, 32, 3, 20}, kvpressKept({0.7, {}}, 345)).capacities == Tokens{313, 242, 170});
    CHECK(kvpressPyramid({170, 0, 32, 5, 20}, kvpressKept({0.7, {}}, 170)).capacities
          == Tokens{138, 128, 119, 110, 100});
}

TEST_CASE("the exact pyramid spends L times C, falls, and fits the prompt", "[unit]")
{
    std::mt19937 random(7);
    const auto between = [&](std::int64_t low, std::int64_t high) {
        return std::uniform_int_distribution<std::int64_t>(low, high)(random);
    };
    for (int i = 0; i < 3000; ++i) {
        const std::int64_t n = between(1, 500), w = between(0, 40), capacity = between(1, n), layers = between(1, 40);
        const double beta = i % 3 == 0 ? 20.0 : std::uniform_real_distribution<double>(1, 30)(random);
        CAPTURE(n, w, capacity, layers, beta);
        const Tokens tokens = exactPyramid({n, capacity, w, layers, beta});
        REQUIRE(std::ssize(tokens) == layers);
        REQUIRE(std::accumulate(tokens.begin(), tokens.end(), std::int64_t{0}) == layers * capacity);
        for (std::size_t layer = 0; layer < tokens.size(); ++layer) {
            REQUIRE(tokens[layer] >= std::min(w, capacity));
            REQUIRE(tokens[layer] <= n);
            // Largest remainders may put a later layer one above the one before, never more.
            if (layer > 0)
                REQUIRE(tokens[layer] <= tokens[layer - 1] + 1);
        }
    }
}

TEST_CASE("the exact pyramid is the line to within one token", "[unit]")
{
    const Tokens tokens = exactPyramid({4096, 128, 8, 32, 20});
    CHECK(mean(tokens) == 128);
    for (std::size_t layer = 0; layer < tokens.size(); ++layer)
        CHECK(std::abs(static_cast<double>(tokens[layer]) - (8 + 234 - static_cast<double>(layer) * 228 / 31)) < 1);
    // The first layer holds no more than the prompt, and the last one gets what that leaves.
    const Tokens clipped = exactPyramid({100, 60, 10, 3, 20});
    CHECK(clipped == Tokens{100, 60, 20});
    // 10 2/3, 6, 1 1/3 of a pool of 6: two whole tokens are left for the largest remainders.
    CHECK(exactPyramid({400, 6, 0, 3, 4.5}) == Tokens{11, 6, 1});
}

TEST_CASE("the factory pyramid follows its integer arithmetic, total at or above L times C", "[unit]")
{
    std::mt19937 random(9);
    const auto between = [&](std::int64_t low, std::int64_t high) {
        return std::uniform_int_distribution<std::int64_t>(low, high)(random);
    };
    for (int i = 0; i < 3000; ++i) {
        const std::int64_t n = between(30, 600), w = between(0, 20), capacity = between(w + 1, n - 1);
        const std::int64_t layers = between(2, 40), beta = between(1, 30);
        CAPTURE(n, w, capacity, layers, beta);
        const Tokens tokens = factoryPyramid({n, capacity, w, layers, static_cast<double>(beta)});
        for (std::int64_t layer = 0; layer < layers; ++layer)
            REQUIRE(tokens[static_cast<std::size_t>(layer)] == factoryByHand(n, capacity, w, layers, beta, layer));
        REQUIRE(std::accumulate(tokens.begin(), tokens.end(), std::int64_t{0}) >= layers * capacity);
        const Tokens regimes = factoryPyramid({n, capacity, w, layers, static_cast<double>(beta), true});
        if (n < 2 * (capacity - w))
            REQUIRE(allEqual(regimes, capacity));
        else
            REQUIRE(regimes == tokens);
    }
}

TEST_CASE("pyramids without slope keep the same in every layer", "[unit]")
{
    for (const bool flat : {false, true}) {
        const std::vector<PyramidRequest> requests{
            {100, 100, 8, 6, 20, flat},                            // everything fits
            {100, 130, 8, 6, 20, flat}, {100, 8, 8, 6, 20, flat},  // the window takes it all
            {100, 5, 8, 6, 20, flat},   {100, 40, 8, 1, 20, flat}, // one layer
            {100, 40, 8, 6, 1, flat}};                             // no slope
        for (const PyramidRequest& request : requests) {
            CHECK(allEqual(exactPyramid(request), std::min(request.capacity, request.n)));
            CHECK(allEqual(factoryPyramid(request), std::min(request.capacity, request.n)));
        }
    }
    CHECK(allEqual(kvpressPyramid({100, 0, 8, 1, 20}, 40.0).capacities, 40));
}

TEST_CASE("quotients round down as Python's do", "[unit]")
{
    CHECK(floorQuotient(120, 20) == 6);
    CHECK(floorQuotient(119, 20) == 5);
    CHECK(floorQuotient(120, 1.005) == 119);
    CHECK(floorQuotient(101, 1.01) == 99); // 1.01 is a little more than 101 / 100 in binary
    CHECK(floorQuotient(0, 20) == 0);
}

TEST_CASE("a layer is scheduled by its number in the model", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .n = 120, .window = 16});
    core::LayerData data = capture.layer(0);
    data.layer = 6;
    core::CaptureInfo info = capture.info();
    info.model.nLayers = 8;
    const auto method = makeMethod("pyramidkv:window=8");
    const Tokens schedule = exactPyramid({120, 40, 8, 8, 20});
    const LayerInput known{.data = data, .segments = info.segments, .info = &info};
    for (const auto& kept : method->plan(known, {1.0, 40}).kept)
        CHECK(std::ssize(kept) == schedule[6]);
    CHECK(method->plan(known, {1.0, 40}).facts.at("layer_budget") == static_cast<double>(schedule[6]));
    // Without the model's description: third of five captured layers.
    const LayerInput bare{.data = data, .segments = info.segments, .slot = 2, .layers = 5};
    for (const auto& kept : method->plan(bare, {1.0, 40}).kept)
        CHECK(std::ssize(kept) == exactPyramid({120, 40, 8, 5, 20})[2]);
    info.model.nLayers = 6;
    CHECK_THROWS_AS(method->plan(known, {1.0, 40}), core::Error);
}

TEST_CASE("a window wider than the capture's is cut to it, as in SnapKV", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .heads = 4, .kvHeads = 2, .n = 70, .window = 8});
    const LayerInput input{capture.layer(0), capture.info().segments};
    for (const char* name : {"pyramidkv", "headkv", "adakv"})
        for (const std::int64_t tokens : {5, 9, 30, 69}) {
            CAPTURE(name, tokens);
            const LayerPlan plan = makeMethod(std::string(name) + ":window=32")->plan(input, {1.0, tokens});
            for (const auto& kept : plan.kept)
                for (std::int64_t last = 70 - std::min<std::int64_t>(8, tokens); last < 70; ++last)
                    CHECK(std::binary_search(kept.begin(), kept.end(), last));
            const LayerPlan snap = makeMethod("snapkv:window=32")->plan(input, {1.0, tokens});
            if (std::string(name) != "adakv" || tokens <= 8)
                CHECK(plan.kept == snap.kept);
            CHECK(std::count(plan.flags.begin(), plan.flags.end(), "window_clamped") == 1);
        }
}

TEST_CASE("PyramidKV keeps what SnapKV keeps at the budget of the layer", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 5, .heads = 6, .kvHeads = 3, .n = 90, .window = 16});
    for (const char* parameters : {"window=8", "window=16,kernel=5,pool=avg", "window=8,exact_budget=false"}) {
        std::int64_t total = 0;
        for (std::int64_t slot = 0; slot < 5; ++slot) {
            const LayerInput input{.data = capture.layer(slot),
                                   .segments = capture.info().segments,
                                   .slot = slot,
                                   .layers = 5,
                                   .info = &capture.info()};
            const LayerPlan plan = makeMethod(std::string("pyramidkv:") + parameters)->plan(input, {0.3, {}});
            const auto budget = static_cast<std::int64_t>(plan.facts.at("layer_budget"));
            std::string same = parameters;
            same = same.substr(0, same.find(",exact"));
            CHECK(plan.kept == makeMethod("snapkv:" + same)->plan(input, {1.0, budget}).kept);
            total += budget;
        }
        CHECK((std::string(parameters).find("exact") == std::string::npos ? total == 5 * 27 : total >= 5 * 27));
    }
}
