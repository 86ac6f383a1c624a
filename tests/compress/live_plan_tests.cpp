// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Plans for a generating model against those of a replay of the same prompt, over the whole registry.
#include "compress/live_plan.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/plan_layers.hpp"

#include <cmath>
#include <mutex>

using namespace kvviz;
using namespace kvviz::compress;

namespace {

constexpr int kLayers = 4;

/// [pair][layer]
std::vector<std::vector<LivePlan>> livePlans(LivePlanner& planner, const core::CaptureSource& prompt,
                                             std::vector<std::size_t> chosen)
{
    std::vector<std::vector<LivePlan>> plans(planner.pairs().size(), std::vector<LivePlan>(kLayers));
    planner.run(prompt, chosen, [&](const core::LayerData& data, std::size_t pair, LivePlan&& plan) {
        plans[pair][static_cast<std::size_t>(data.layer)] = std::move(plan);
    });
    return plans;
}

std::vector<std::size_t> runnable(const LivePlanner& planner, const core::CaptureSource& prompt)
{
    std::vector<std::size_t> chosen;
    const std::vector<std::string> obstacles = planner.obstacles(prompt);
    for (std::size_t i = 0; i < obstacles.size(); ++i)
        if (obstacles[i].empty())
            chosen.push_back(i);
    return chosen;
}

/// Compressed form of each prompt token at the first decode step: what changes the cache there and then.
void requireSameForms(const LayerPlan& live, const LayerPlan& replay, const core::LayerData& data)
{
    if (!replay.changed) {
        CHECK(!live.changed);
        return;
    }
    const std::int64_t total = data.total(), d = data.headDim;
    for (int g = 0; g < data.heads.kvHeads(); ++g)
        for (const std::int32_t token : replay.kept[static_cast<std::size_t>(g)]) {
            const auto there = static_cast<std::size_t>(g * total + token);
            if (replay.changed->keyFrom.empty() || replay.changed->keyFrom[there] > 0)
                continue;
            REQUIRE(live.changed);
            const auto here = static_cast<std::size_t>(g * (data.n + 1) + token);
            REQUIRE(live.changed->keyFrom.at(here) <= 0);
            for (std::int64_t i = 0; i < d; ++i)
                REQUIRE(std::abs(live.changed->key[here * static_cast<std::size_t>(d) + static_cast<std::size_t>(i)]
                                 - replay.changed->key[there * static_cast<std::size_t>(d) + static_cast<std::size_t>(i)])
                        < 1e-5F);
        }
}

} // namespace

TEST_CASE("a generating model gets the plans that a replay makes", "[live]")
{
    const test::SyntheticCapture capture({.layers = kLayers, .n = 90, .t = 6, .seed = 4});
    const test::SyntheticCapture prompt = test::promptPart(capture);
    const Budget budget{0.5, std::nullopt};
    std::vector<std::string> live{"snapkv:window=8+kivi:group=8,residual=8"};
    for (const std::string& specification : defaultReplaySet())
        if (makeMethod(specification)->liveObstacle().empty())
            live.push_back(specification);
    CHECK(live.size() > 25);
    LivePlanner planner({.methods = live, .budgets = {budget}});
    const std::vector<std::size_t> chosen = runnable(planner, prompt);
    CHECK(chosen.size() > 20);
    const auto plans = livePlans(planner, prompt, chosen);
    int changing = 0;
    for (const std::size_t pair : chosen) {
        const Method& method = *planner.pairs()[pair].method;
        CAPTURE(method.info().name, method.params().variant());
        const std::string specification = specificationOf(method.info().name, method.params().variant());
        const std::vector<LayerPlan> replayed = test::planLayers(capture, specification, budget);
        const bool eachStep = method.info().klass.find('+') != std::string::npos || !method.stepRules(
            {.data = prompt.layer(0), .segments = prompt.info().segments, .layers = kLayers, .info = &prompt.info()},
            plans[pair][0].plan, budget).rules.empty();
        for (int layer = 0; layer < kLayers; ++layer) {
            const LivePlan& plan = plans[pair][static_cast<std::size_t>(layer)];
            const LayerPlan& expected = replayed[static_cast<std::size_t>(layer)];
            CHECK(plan.plan.keptDecode.empty());
            if (!eachStep)
                CHECK(plan.kept() == expected.kept);
            if (changesCache(method.info()) && expected.changed && expected.changed->shift.empty()) {
                ++changing;
                requireSameForms(plan.plan, expected, capture.layer(layer));
            }
        }
    }
    CHECK(changing > 8);
}

TEST_CASE("plans do not depend on which other pairs are chosen", "[live]")
{
    const test::SyntheticCapture prompt =
        test::promptPart(test::SyntheticCapture({.layers = kLayers, .n = 60, .seed = 9}));
    LivePlanner planner({.methods = {"snapkv", "pyramidkv", "h2o", "minicache", "adakv"},
                         .budgets = {{0.7, std::nullopt}, {0.3, std::nullopt}}});
    const auto all = livePlans(planner, prompt, runnable(planner, prompt));
    for (std::size_t pair = 0; pair < planner.pairs().size(); ++pair) {
        const auto alone = livePlans(planner, prompt, {pair});
        for (std::size_t layer = 0; layer < kLayers; ++layer) {
            CHECK(alone[pair][layer].kept() == all[pair][layer].kept());
            CHECK((alone[pair][layer].plan.changed != nullptr) == (all[pair][layer].plan.changed != nullptr));
        }
    }
}

TEST_CASE("methods that cannot run inside a generating model are refused with the reason", "[live]")
{
    const auto refused = [](const std::string& method, const std::string& why) {
        CHECK_THROWS_WITH(LivePlanner({.methods = {method}, .budgets = {Budget{0.5, std::nullopt}}}),
                          Catch::Contains(method) && Catch::Contains(why));
    };
    refused("oracle_mass", "still to come");
    refused("streaming", "position shift");
    CHECK_THROWS_AS(LivePlanner({.methods = {"snapkv"}, .budgets = {Budget{1.5, std::nullopt}}}), core::Error);
}

TEST_CASE("a method without what it needs has an obstacle and the others run", "[live]")
{
    const test::SyntheticCapture prompt = test::promptPart(test::SyntheticCapture({.layers = kLayers, .n = 40}));
    LivePlanner planner({.methods = {"token_scorer", "snapkv"}, .budgets = {Budget{0.5, std::nullopt}}});
    const std::vector<std::string> obstacles = planner.obstacles(prompt);
    REQUIRE(obstacles.size() == 2);
    CHECK_FALSE(obstacles[0].empty());
    CHECK(obstacles[1].empty());
}
