// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Random baselines: what they lose on average, and what their draws depend on.
#include "compress/method.hpp"
#include "compress/metrics.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>

using namespace kvviz;
using namespace kvviz::compress;
using core::SegmentKind;
using Positions = std::vector<std::int32_t>;

namespace {

/// 20 tokens: a frame of 2 + 3, shots of 5, 4, 3 and 3.
const std::vector<core::Segment> kPrompt{
    {SegmentKind::instruction, 0, {0, 2}, ""}, {SegmentKind::shot, 0, {2, 7}, ""},
    {SegmentKind::shot, 1, {7, 11}, ""},       {SegmentKind::shot, 2, {11, 14}, ""},
    {SegmentKind::shot, 3, {14, 17}, ""},      {SegmentKind::question, 0, {17, 20}, ""}};

core::LayerData promptLayer(int layer = 0)
{
    core::LayerData data;
    data.layer = layer;
    data.heads = {2, 2};
    data.n = 20;
    return data;
}

LayerPlan shotPlan(const std::string& parameters, std::int64_t tokens, std::uint64_t seed, int layer = 0)
{
    return makeMethod("random_shot" + parameters)->plan({promptLayer(layer), kPrompt, 0, 1, seed}, {1.0, tokens});
}

/// The shots that a plan keeps; each must be there whole or not at all.
std::set<int> shotsOf(const LayerPlan& plan)
{
    std::set<int> shots;
    for (int shot = 0; shot < 4; ++shot) {
        const core::Span span = kPrompt[static_cast<std::size_t>(shot + 1)].span;
        const auto inside = std::count_if(plan.kept[0].begin(), plan.kept[0].end(), [&](std::int32_t position) {
            return position >= span.begin && position < span.end;
        });
        CHECK((inside == 0 || inside == span.end - span.begin));
        if (inside > 0)
            shots.insert(shot);
    }
    return shots;
}

bool hasFlag(const LayerPlan& plan, const std::string& flag)
{
    return std::find(plan.flags.begin(), plan.flags.end(), flag) != plan.flags.end();
}

} // namespace

TEST_CASE("Random loses its share of the prompt's mass over all heads, within three standard errors", "[unit]")
{
    const test::SyntheticCapture capture(
        {.layers = 1, .heads = 4, .kvHeads = 2, .n = 40, .t = 3, .window = 4, .seed = 2});
    const core::LayerData& data = capture.layer(0);
    double onPrompt = 0; // of rows that sum to 1
    for (int head = 0; head < 4; ++head)
        for (std::int64_t step = 0; step < data.t; ++step)
            onPrompt += std::accumulate(data.decodeRow(head, step), data.decodeRow(head, step) + data.n, 0.0);
    for (const char* specification : {"random", "random:kvpress"})
        for (const double ratio : {0.2, 0.5, 0.9}) {
            CAPTURE(specification, ratio);
            constexpr int kDraws = 1500;
            const auto method = makeMethod(specification);
            double sum = 0, squares = 0, kept = 0;
            for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
                const LayerInput input{data, capture.info().segments, 0, 1, seed};
                const LayerPlan plan = method->plan(input, {ratio, {}});
                const LayerMetrics metrics = evaluate(input, plan, Depth::mass, 4);
                const double lost = std::accumulate(metrics.lostMass.begin(), metrics.lostMass.end(), 0.0);
                kept = static_cast<double>(plan.kept[0].size());
                sum += lost;
                squares += lost * lost;
            }
            const double mean = sum / kDraws;
            const double error = std::sqrt((squares / kDraws - mean * mean) / kDraws);
            const double expected = (1 - kept / 40) * onPrompt;
            CHECK(std::abs(mean - expected) < 3 * error);
            CHECK(error < expected / 20); // so that the comparison says something
        }
}

TEST_CASE("random baselines say how many draws a replay should average", "[unit]")
{
    for (const char* name : {"random", "random_shot"}) {
        CHECK(makeMethod(name)->draws() == 20);
        CHECK(makeMethod(std::string(name) + ":seeds=3")->draws() == 3);
        CHECK_THROWS_AS(makeMethod(std::string(name) + ":seeds=0"), core::Error);
    }
    CHECK(makeMethod("knorm")->draws() == 1);
}

TEST_CASE("kvpress's Random drops the same positions in every layer, heads still differ", "[unit]")
{
    core::LayerData data = promptLayer();
    data.n = 1000;
    const auto first = makeMethod("random:kvpress")->plan({data, {}}, {0.1, {}});
    data.layer = 7;
    const auto second = makeMethod("random:kvpress")->plan({data, {}}, {0.1, {}});
    CHECK(first.kept == second.kept);
    CHECK(first.kept[0] != first.kept[1]);
    CHECK(first.kept[0].size() == 99); // its rounding
}

TEST_CASE("random shots obey ShotKV's budget rule", "[unit]")
{
    const std::array<std::int64_t, 4> sizes{5, 4, 3, 3};
    const Positions frame{0, 1, 17, 18, 19};
    for (std::uint64_t seed = 0; seed < 200; ++seed)
        for (const std::int64_t tokens : {5, 8, 12, 16, 19}) {
            CAPTURE(seed, tokens);
            const LayerPlan stop = shotPlan("", tokens, seed), skip = shotPlan(":overflow=skip", tokens, seed);
            for (const LayerPlan* plan : {&stop, &skip}) {
                CHECK(std::ssize(plan->kept[0]) <= tokens);
                CHECK(std::includes(plan->kept[0].begin(), plan->kept[0].end(), frame.begin(), frame.end()));
                CHECK(plan->kept[0] == plan->kept[1]);
                CHECK(hasFlag(*plan, "no_shot_fits") == shotsOf(*plan).empty());
            }
            const std::set<int> stopped = shotsOf(stop), skipped = shotsOf(skip);
            CHECK(std::includes(skipped.begin(), skipped.end(), stopped.begin(), stopped.end()));
            // Skipping goes on until no shot fits.
            std::int64_t left = tokens - std::ssize(skip.kept[0]);
            for (int shot = 0; shot < 4; ++shot)
                if (skipped.count(shot) == 0)
                    CHECK(sizes[static_cast<std::size_t>(shot)] > left);
        }
    CHECK(hasFlag(shotPlan("", 3, 0), "frame_exceeds_budget"));
    CHECK(shotPlan("", 3, 0).kept[0] == frame);
    CHECK(shotPlan(":frame=keep_free", 15, 0).kept[0].size() > shotPlan("", 15, 0).kept[0].size());
    CHECK(shotPlan("", 20, 0).kept[0].size() == 20);
}

TEST_CASE("every shot is as likely to come first as any other", "[unit]")
{
    // A budget of the frame and 5: the first shot of the order always fits, a second one never does.
    std::array<int, 4> firsts{};
    constexpr int kDraws = 4000;
    for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
        const std::set<int> shots = shotsOf(shotPlan("", 10, seed));
        REQUIRE(shots.size() == 1);
        ++firsts[static_cast<std::size_t>(*shots.begin())];
    }
    for (const int count : firsts)
        CHECK(std::abs(count - kDraws / 4) < 4 * std::sqrt(kDraws * 0.25 * 0.75));
}

TEST_CASE("a random order of shots depends on seed and layer only", "[unit]")
{
    int layerDiffers = 0, seedDiffers = 0;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        CHECK(shotPlan("", 12, seed).kept == shotPlan("", 12, seed).kept);
        CHECK(shotPlan(":shared_layers=true", 12, seed, 0).kept == shotPlan(":shared_layers=true", 12, seed, 9).kept);
        layerDiffers += shotPlan("", 12, seed, 0).kept != shotPlan("", 12, seed, 9).kept;
        seedDiffers += shotPlan("", 12, seed).kept != shotPlan(":seed=1", 12, seed).kept;
    }
    CHECK(layerDiffers > 10);
    CHECK(seedDiffers > 10);
}

TEST_CASE("random shots keep a prompt without shots whole and say so", "[unit]")
{
    const core::LayerData data = promptLayer();
    const std::vector<core::Segment> none{{SegmentKind::question, 0, {0, 20}, ""}};
    const LayerPlan plan = makeMethod("random_shot")->plan({data, none}, {1.0, 4});
    CHECK(plan.kept[0].size() == 20);
    CHECK(hasFlag(plan, "no_shots"));
}
