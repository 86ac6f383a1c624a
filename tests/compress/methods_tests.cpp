// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What is particular to single methods; common properties are in method_properties_tests.cpp.
#include "compress/method.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

using namespace kvviz;
using namespace kvviz::compress;
using Positions = std::vector<std::int32_t>;

namespace {

/// A layer whose attention is written by hand: H = G = 1 unless said otherwise, all arrays zero.
core::LayerData blankLayer(std::int64_t n, std::int64_t w, core::HeadMap heads = {1, 1})
{
    core::LayerData data;
    data.heads = heads;
    data.n = n;
    data.w = w;
    data.headDim = 1;
    data.received.assign(static_cast<std::size_t>(heads.queryHeads() * n), 0.0f);
    data.windowRows.assign(static_cast<std::size_t>(heads.queryHeads() * w * n), 0.0f);
    return data;
}

LayerPlan planOf(const std::string& specification, const core::LayerData& data, const Budget& budget,
                 const std::vector<core::Segment>& segments = {})
{
    return makeMethod(specification)->plan({data, segments}, budget);
}

bool hasFlag(const LayerPlan& plan, const std::string& flag)
{
    return std::find(plan.flags.begin(), plan.flags.end(), flag) != plan.flags.end();
}

} // namespace

TEST_CASE("StreamingLLM keeps sinks and recents, and the first sinks when the budget is below them", "[unit]")
{
    const core::LayerData data = blankLayer(20, 0);
    CHECK(planOf("streaming_noshift", data, {1, 7}).kept[0] == Positions{0, 1, 2, 3, 17, 18, 19});
    CHECK(planOf("streaming_noshift", data, {1, 4}).kept[0] == Positions{0, 1, 2, 3});
    const LayerPlan tight = planOf("streaming_noshift", data, {1, 2});
    CHECK(tight.kept[0] == Positions{0, 1});
    CHECK(hasFlag(tight, "sinks_exceed_budget"));
    CHECK(planOf("streaming_noshift:kvpress", blankLayer(100, 0), {0.1, {}}).kept[0].size() == 9);
}

TEST_CASE("H2O takes the group mean of column sums and always the last tokens", "[unit]")
{
    core::LayerData data = blankLayer(6, 0, {2, 1});
    data.received = {9, 1, 0, 4, 0, 0,  // query head 0
                     0, 2, 7, 4, 0, 0}; // query head 1
    CHECK(planOf("h2o:window=2", data, {1, 4}).kept[0] == Positions{0, 3, 4, 5});
    CHECK(planOf("h2o:window=2,reduce=max", data, {1, 4}).kept[0] == Positions{0, 2, 4, 5});
    const LayerPlan tight = planOf("h2o:window=4", data, {1, 3});
    CHECK(tight.kept[0] == Positions{3, 4, 5});
    CHECK(hasFlag(tight, "window_exceeds_budget"));
}

TEST_CASE("SnapKV adds the window's rows, pools, and keeps the window", "[unit]")
{
    core::LayerData data = blankLayer(10, 2);
    //                 the sums are 0 0 0 0 5 0 3 0 | window
    data.windowRows = {0, 0, 0, 0, 2, 0, 3, 0, 1, 0, //
                       0, 0, 0, 0, 3, 0, 0, 0, 1, 1};
    CHECK(planOf("snapkv:window=2,pool=none", data, {1, 4}).kept[0] == Positions{4, 6, 8, 9});
    CHECK(planOf("snapkv:window=2,kernel=3", data, {1, 5}).kept[0] == Positions{3, 4, 5, 8, 9});
    // avg of 3: 0 0 0 5 5 8 3 3 (thirds): position 5 first, then the lower of the two fives.
    CHECK(planOf("snapkv:window=2,kernel=3,pool=avg", data, {1, 4}).kept[0] == Positions{3, 5, 8, 9});
    CHECK(planOf("snapkv:window=2,kernel=3,pool=avg", data, {1, 4}).tiesAtCut == 2);
    const LayerPlan clamped = planOf("snapkv:window=4,pool=none", data, {1, 4});
    CHECK(clamped.kept[0] == Positions{4, 6, 8, 9});
    CHECK(hasFlag(clamped, "window_clamped"));
    CHECK(planOf("snapkv:window=1,pool=none", data, {1, 3}).kept[0] == Positions{4, 8, 9});
}

TEST_CASE("SnapKV's order of pooling and reduction matters for maximum pooling", "[unit]")
{
    core::LayerData data = blankLayer(12, 1, {2, 1});
    data.windowRows.assign(24, 0.0f);
    data.windowRows[1] = 8;      // head 0 likes position 1
    data.windowRows[12 + 4] = 8; // head 1 likes position 4
    data.windowRows[8] = 5;      // both like position 8 a little less
    data.windowRows[12 + 8] = 5;
    CHECK(planOf("snapkv:window=1,kernel=5", data, {1, 6}).kept[0] == Positions{6, 7, 8, 9, 10, 11});
    CHECK(planOf("snapkv:window=1,kernel=5,order=pool_reduce", data, {1, 3}).kept[0] == Positions{2, 3, 11});
}

TEST_CASE("ChunkKV keeps whole chunks for all heads, then the window", "[unit]")
{
    core::LayerData data = blankLayer(12, 2, {2, 2});
    for (const int position : {3, 4, 5}) // head 0
        data.windowRows[static_cast<std::size_t>(position)] = 1;
    data.windowRows[static_cast<std::size_t>(2 * 12 + 9)] = 2; // head 1
    const LayerPlan plan = planOf("chunkkv:chunk=3,window=2", data, {1, 6});
    // Chunks 0-2, 3-5, 6-8, 9 (partial): the second fits, then the partial one.
    CHECK(plan.kept[0] == Positions{3, 4, 5, 9, 10, 11});
    CHECK(plan.kept[1] == plan.kept[0]);
    CHECK(planOf("chunkkv:chunk=3,window=2", data, {1, 4}).kept[0] == Positions{9, 10, 11});
    CHECK(planOf("chunkkv:chunk=3,window=2", data, {1, 2}).kept[0] == Positions{10, 11});
}

TEST_CASE("kvpress's ChunkKV can spend the whole budget on the window", "[unit]")
{
    // 50 chunks at 10 %: int(50 * 0.0999..) = 4 chunks, and the last four hold the window of 64.
    const core::LayerData data = blankLayer(1000, 64);
    const LayerPlan plan = planOf("chunkkv:kvpress", data, {0.1, {}});
    REQUIRE(plan.kept[0].size() == 80);
    CHECK(plan.kept[0].front() == 920);
    // A chunk longer than the prompt falls back to choosing tokens.
    const LayerPlan tokens = planOf("chunkkv:kvpress,chunk=2000", data, {0.1, {}});
    CHECK(tokens.kept[0].size() == 99);
    CHECK(hasFlag(tokens, "prompt_below_chunk"));
}

TEST_CASE("ChunkKV's index reuse copies the leader's set and says when there is none", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 3, .n = 60, .window = 8});
    const auto method = makeMethod("chunkkv:reuse=2,chunk=4,window=8");
    const auto input = [&](int slot, std::span<const LayerPlan> earlier) {
        return LayerInput{capture.layer(slot), capture.info().segments, slot, 3, 0, earlier};
    };
    std::vector<LayerPlan> plans{method->plan(input(0, {}), {0.5, {}})};
    plans.push_back(method->plan(input(1, plans), {0.5, {}}));
    plans.push_back(method->plan(input(2, plans), {0.5, {}}));
    CHECK(plans[1].kept == plans[0].kept);
    CHECK(plans[1].layer == 1);
    const auto own = makeMethod("chunkkv:chunk=4,window=8");
    CHECK(plans[2].kept == own->plan(input(2, {}), {0.5, {}}).kept);
    CHECK(plans[2].kept != plans[1].kept);
    const LayerPlan alone = method->plan(input(1, {}), {0.5, {}});
    CHECK(alone.kept == own->plan(input(1, {}), {0.5, {}}).kept);
    CHECK(hasFlag(alone, "reuse_leader_missing"));
}

TEST_CASE("Random draws differ by seed, layer and KV head and can be shared or protected", "[unit]")
{
    core::LayerData data = blankLayer(200, 0, {3, 3});
    const LayerPlan plan = planOf("random", data, {0.3, {}});
    CHECK(plan.kept[0] != plan.kept[1]);
    CHECK(plan.kept == planOf("random", data, {0.3, {}}).kept);
    CHECK(plan.kept != planOf("random:seed=1", data, {0.3, {}}).kept);
    CHECK(plan.kept != makeMethod("random")->plan({data, {}, 0, 1, 99}, {0.3, {}}).kept);
    const LayerPlan shared = planOf("random:shared_layers=true", data, {0.3, {}});
    data.layer = 5;
    CHECK(plan.kept != planOf("random", data, {0.3, {}}).kept);
    CHECK(shared.kept == planOf("random:shared_layers=true", data, {0.3, {}}).kept);
    const LayerPlan safe = planOf("random:protected,window=10", data, {0.3, {}});
    for (const std::int32_t position : {0, 1, 2, 3, 190, 199})
        CHECK(std::binary_search(safe.kept[0].begin(), safe.kept[0].end(), position));
    CHECK(safe.kept[0].size() == 60);
    CHECK(hasFlag(planOf("random:protected", data, {1, 20}), "protected_exceed_budget"));
    const LayerPlan most = planOf("random:protected,sinks=1000000000,window=1000000000", data, {0.3, {}});
    CHECK(hasFlag(most, "protected_exceed_budget"));
    CHECK(most.kept[0].size() == 60);
}

TEST_CASE("Random loses its expected share of the mass on the prompt", "[unit]")
{
    test::SyntheticCapture capture({.layers = 1, .heads = 1, .kvHeads = 1, .n = 50, .t = 1, .window = 4, .seed = 9});
    const core::LayerData& data = capture.layer(0);
    const float* const row = data.decodeRow(0, 0);
    const double promptMass = std::accumulate(row, row + data.n, 0.0);
    std::vector<double> losses;
    for (std::uint64_t seed = 0; seed < 2000; ++seed) {
        const LayerPlan plan = makeMethod("random")->plan({data, capture.info().segments, 0, 1, seed}, {0.4, {}});
        REQUIRE(plan.kept[0].size() == 20);
        double lost = promptMass;
        for (const std::int32_t position : plan.kept[0])
            lost -= row[position];
        losses.push_back(lost);
    }
    const double mean = std::accumulate(losses.begin(), losses.end(), 0.0) / 2000;
    double variance = 0;
    for (const double lost : losses)
        variance += (lost - mean) * (lost - mean) / 1999;
    CHECK(std::abs(mean - 0.6 * promptMass) < 3 * std::sqrt(variance / 2000));
}

TEST_CASE("the oracle refuses a layer without future queries", "[unit]")
{
    const core::LayerData data = blankLayer(10, 0);
    CHECK_THROWS_WITH(planOf("oracle_mass", data, {0.5, {}}), Catch::Matchers::Contains("decode"));
}

TEST_CASE("methods name the array that was not loaded", "[unit]")
{
    core::LayerData data = blankLayer(10, 4);
    data.windowRows.clear();
    CHECK_THROWS_WITH(planOf("snapkv", data, {0.5, {}}), Catch::Matchers::Contains("window rows"));
    data.received.clear();
    CHECK_THROWS_WITH(planOf("h2o", data, {0.5, {}}), Catch::Matchers::Contains("stats"));
}
