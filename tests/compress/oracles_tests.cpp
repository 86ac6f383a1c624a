// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Mass oracles with pooled budgets, one token set, and whole shots, against brute force and against each other.
#include "compress/knapsack.hpp"
#include "compress/metrics.hpp"
#include "compress/pooled_scores.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/plan_layers.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <tuple>

using namespace kvviz;
using namespace kvviz::compress;

namespace {

const test::SyntheticCapture& deepCapture()
{
    static const test::SyntheticCapture capture(
        {.layers = 3, .heads = 6, .kvHeads = 2, .n = 90, .t = 7, .window = 32, .headDim = 8, .seed = 5});
    return capture;
}

/// sum over decode queries and heads of the group, straight from the rows.
double massOf(const core::LayerData& data, int kvHead, std::int64_t key)
{
    double mass = 0;
    for (int head = 0; head < data.heads.queryHeads(); ++head)
        for (std::int64_t step = 0; step < data.t; ++step)
            if (data.heads.kvHeadOf(head) == kvHead)
                mass += data.decodeRow(head, step)[key];
    return mass;
}

double lostInLayer(const core::LayerData& data, const std::vector<core::Segment>& segments, LayerPlan plan)
{
    plan.keptDecode.clear();
    const LayerMetrics metrics = evaluate({data, segments}, plan, Depth::mass, 4);
    return std::accumulate(metrics.lostMass.begin(), metrics.lostMass.end(), 0.0);
}

std::vector<double> lostByLayer(const std::string& specification, const Budget& budget)
{
    std::vector<double> lost;
    const auto plans = test::planLayers(deepCapture(), specification, budget);
    for (std::size_t slot = 0; slot < plans.size(); ++slot)
        lost.push_back(lostInLayer(deepCapture().layer(static_cast<std::int64_t>(slot)), deepCapture().info().segments,
                                   plans[slot]));
    return lost;
}

double lostInAll(const std::string& specification, const Budget& budget)
{
    const std::vector<double> lost = lostByLayer(specification, budget);
    return std::accumulate(lost.begin(), lost.end(), 0.0);
}

std::int64_t tokensOf(const std::vector<LayerPlan>& plans)
{
    std::int64_t tokens = 0;
    for (const LayerPlan& plan : plans)
        for (const auto& kept : plan.kept)
            tokens += std::ssize(kept);
    return tokens;
}

constexpr double kRounding = 1e-5; // lost masses are summed from float rows

} // namespace

TEST_CASE("a pooled budget takes the best items of all heads, earlier heads first among equals", "[unit]")
{
    std::mt19937 random(3);
    for (const int values : {2, 5, 1000}) {                 // few values: many ties
        std::vector<std::tuple<int, std::size_t, int>> all; // minus the score, unit, place: sorts as the rule says
        PooledScores pool;
        for (std::size_t unit = 0; unit < 4; ++unit) {
            std::vector<double> scores;
            for (std::size_t i = 0; i < 3 + 4 * unit; ++i)
                scores.push_back(static_cast<double>(random() % static_cast<unsigned>(values)));
            std::sort(scores.rbegin(), scores.rend());
            for (std::size_t i = 0; i < scores.size(); ++i)
                all.emplace_back(-static_cast<int>(scores[i]), unit, static_cast<int>(i));
            pool.add(scores);
        }
        pool.finish();
        std::sort(all.begin(), all.end());
        REQUIRE(pool.items() == std::ssize(all));
        for (std::int64_t total = -1; total <= pool.items() + 1; ++total) {
            CAPTURE(values, total);
            const auto taken = static_cast<std::size_t>(std::clamp(total, std::int64_t{0}, pool.items()));
            std::vector<std::int64_t> counts(4, 0), ties(4, 0);
            for (std::size_t i = 0; i < taken; ++i)
                ++counts[std::get<1>(all[i])];
            if (taken > 0 && taken < all.size() && std::get<0>(all[taken]) == std::get<0>(all[taken - 1]))
                for (const auto& [score, unit, place] : all)
                    ties[unit] += score == std::get<0>(all[taken]) ? 1 : 0;
            const PooledScores::Shares shares = pool.share(total);
            CHECK(shares.counts == counts);
            CHECK(shares.ties == ties);
        }
    }
}

TEST_CASE("the knapsack finds the best set for every room", "[unit]")
{
    std::mt19937 random(4);
    for (int round = 0; round < 20; ++round) {
        const std::size_t items = 1 + random() % 9;
        std::vector<double> values;
        std::vector<std::int64_t> sizes;
        for (std::size_t i = 0; i < items; ++i) {
            values.push_back(random() % 6); // small integers: ties, and exact sums
            sizes.push_back(1 + random() % 7);
        }
        const Knapsack knapsack(values, sizes, 30);
        for (std::int64_t room = -1; room <= 31; ++room) {
            std::vector<std::size_t> best;
            double most = -1;
            for (unsigned set = 0; set < 1u << items; ++set) {
                std::vector<std::size_t> chosen;
                double value = 0;
                std::int64_t size = 0;
                for (std::size_t i = 0; i < items; ++i)
                    if (set >> i & 1u) {
                        chosen.push_back(i);
                        value += values[i];
                        size += sizes[i];
                    }
                const auto bits = [&](const std::vector<std::size_t>& ids) { // the set that takes the first item wins
                    std::vector<bool> in(items, false);
                    for (const std::size_t id : ids)
                        in[id] = true;
                    return in;
                };
                if (size <= std::clamp(room, std::int64_t{0}, std::int64_t{30})
                    && (value > most || (value == most && bits(chosen) > bits(best)))) {
                    most = value;
                    best = chosen;
                }
            }
            CHECK(knapsack.best(room) == best);
        }
    }
    CHECK(Knapsack({}, {}, 5).best(5).empty());
}

TEST_CASE("the more freely a budget may be spread, the less the mass oracle loses", "[unit]")
{
    for (const double ratio : {0.05, 0.1, 0.3, 0.5, 0.7, 0.9}) {
        CAPTURE(ratio);
        const Budget budget{ratio, {}};
        const std::vector<double> mass = lostByLayer("oracle_mass", budget),
                                  layer = lostByLayer("oracle_layer", budget);
        for (std::size_t slot = 0; slot < mass.size(); ++slot)
            CHECK(layer[slot] <= mass[slot] + kRounding);
        CHECK(lostInAll("oracle_global", budget) <= lostInAll("oracle_layer", budget) + kRounding);
        CHECK(lostInAll("oracle_mass", budget) <= lostInAll("oracle_token", budget) + kRounding);
        // All of these spend exactly the budget, so the order says something.
        const std::int64_t spent = budget.capacity(90) * 3 * 2;
        for (const char* oracle : {"oracle_mass", "oracle_layer", "oracle_global", "oracle_token"})
            CHECK(tokensOf(test::planLayers(deepCapture(), oracle, budget)) == spent);
    }
    CHECK(lostInAll("oracle_global", {0.3, {}}) < lostInAll("oracle_layer", {0.3, {}}));
    CHECK(lostInAll("oracle_layer", {0.3, {}}) < lostInAll("oracle_mass", {0.3, {}}));
}

TEST_CASE("pooled oracles bound the methods that pool their budgets", "[unit]")
{
    for (const double ratio : {0.1, 0.3, 0.6}) {
        CAPTURE(ratio);
        const Budget budget{ratio, {}};
        const double global = lostInAll("oracle_global", budget);
        for (const char* method : {"kvcompress", "kvcompress:full", "kvcompress:scope=layer", "h2o", "snapkv"})
            CHECK(global <= lostInAll(method, budget) + kRounding);
        const std::vector<double> layer = lostByLayer("oracle_layer", budget);
        for (const char* method : {"kvcompress:scope=layer,protect=4", "snapkv", "h2o"}) {
            const std::vector<double> lost = lostByLayer(method, budget);
            for (std::size_t slot = 0; slot < layer.size(); ++slot)
                CHECK(layer[slot] <= lost[slot] + kRounding);
        }
        // Streaming keeps one set of tokens for all layers and heads.
        CHECK(lostInAll("oracle_token", budget) <= lostInAll("streaming_noshift", budget) + kRounding);
    }
}

TEST_CASE("the global oracle keeps the best keys of the whole model", "[unit]")
{
    std::vector<std::tuple<double, std::int64_t, int, std::int32_t>> all;
    for (std::int64_t slot = 0; slot < 3; ++slot)
        for (int kvHead = 0; kvHead < 2; ++kvHead)
            for (std::int32_t key = 0; key < 90; ++key)
                all.emplace_back(-massOf(deepCapture().layer(slot), kvHead, key), slot, kvHead, key);
    std::sort(all.begin(), all.end());
    for (const std::int64_t tokens : {1, 17, 60}) {
        std::vector<std::vector<std::vector<std::int32_t>>> expected(3, std::vector<std::vector<std::int32_t>>(2));
        for (std::size_t i = 0; i < static_cast<std::size_t>(tokens * 6); ++i)
            expected[static_cast<std::size_t>(std::get<1>(all[i]))][static_cast<std::size_t>(std::get<2>(all[i]))]
                .push_back(std::get<3>(all[i]));
        const auto plans = test::planLayers(deepCapture(), "oracle_global", {1.0, tokens});
        for (std::size_t slot = 0; slot < 3; ++slot)
            for (std::size_t kvHead = 0; kvHead < 2; ++kvHead) {
                CAPTURE(tokens, slot, kvHead);
                std::sort(expected[slot][kvHead].begin(), expected[slot][kvHead].end());
                CHECK(plans[slot].kept[kvHead] == expected[slot][kvHead]);
                CHECK(plans[slot].facts.at("head_budget_min") <= static_cast<double>(expected[slot][kvHead].size()));
            }
    }
}

TEST_CASE("the token oracle keeps one set, the best by the mass of all layers and heads", "[unit]")
{
    std::vector<std::pair<double, std::int32_t>> all;
    for (std::int32_t key = 0; key < 90; ++key) {
        double mass = 0;
        for (std::int64_t slot = 0; slot < 3; ++slot)
            mass += massOf(deepCapture().layer(slot), 0, key) + massOf(deepCapture().layer(slot), 1, key);
        all.emplace_back(-mass, key);
    }
    std::sort(all.begin(), all.end());
    std::vector<std::int32_t> expected;
    for (std::size_t i = 0; i < 25; ++i)
        expected.push_back(all[i].second);
    std::sort(expected.begin(), expected.end());
    for (const LayerPlan& plan : test::planLayers(deepCapture(), "oracle_token", {1.0, 25}))
        for (const auto& kept : plan.kept)
            CHECK(kept == expected);
}

TEST_CASE("the shot oracle keeps the best set of whole shots beside the frame", "[unit]")
{
    using core::SegmentKind;
    test::SyntheticCapture capture = deepCapture();
    std::vector<core::Segment> shots;
    std::int64_t begin = 6;
    for (const std::int64_t size : {9, 4, 13, 7, 11, 5, 8, 12}) { // 69 tokens; the frame holds 21
        shots.push_back({SegmentKind::shot, static_cast<int>(shots.size()), {begin, begin + size}, "s"});
        begin += size;
    }
    capture.mutableInfo().segments = shots;
    const core::LayerData& data = capture.layer(1);
    const auto valueOf = [&](const core::Segment& shot) {
        double value = 0;
        for (std::int64_t key = shot.span.begin; key < shot.span.end; ++key)
            value += massOf(data, 0, key) + massOf(data, 1, key);
        return value;
    };
    for (const std::int64_t tokens : {21, 25, 26, 40, 55, 70, 89}) {
        CAPTURE(tokens);
        double most = 0;
        unsigned bestSet = 0;
        for (unsigned set = 0; set < 1u << shots.size(); ++set) {
            double value = 0;
            std::int64_t size = 0;
            for (std::size_t i = 0; i < shots.size(); ++i)
                if (set >> i & 1u) {
                    value += valueOf(shots[i]);
                    size += shots[i].span.end - shots[i].span.begin;
                }
            if (size <= tokens - 21 && value > most) {
                most = value;
                bestSet = set;
            }
        }
        std::vector<std::int32_t> expected;
        for (std::int32_t key = 0; key < 90; ++key) {
            bool dropped = false;
            for (std::size_t i = 0; i < shots.size(); ++i)
                dropped = dropped || (!(bestSet >> i & 1u) && key >= shots[i].span.begin && key < shots[i].span.end);
            if (!dropped)
                expected.push_back(key);
        }
        const LayerInput input{data, shots};
        const LayerPlan plan = makeMethod("oracle_shot")->plan(input, {1.0, tokens});
        CHECK(plan.kept[0] == expected);
        CHECK(plan.kept[1] == expected);
        CHECK((std::count(plan.flags.begin(), plan.flags.end(), "no_shot_fits") == 1) == (bestSet == 0));
        const double least = lostInLayer(data, shots, plan);
        for (const char* options : {"", ",overflow=skip", ",acc=window", ",acc=seen_mean,overflow=skip"}) {
            const auto shotkv = makeMethod(std::string("shotkv:prefill_only") + options);
            CHECK(least <= lostInLayer(data, shots, shotkv->plan(input, {1.0, tokens})) + kRounding);
        }
    }
}

TEST_CASE("the shot oracle treats the frame as ShotKV does", "[unit]")
{
    const core::LayerData& data = deepCapture().layer(0);
    const LayerInput input{data, deepCapture().info().segments};
    for (const char* frame : {"keep_charged", "keep_free", "as_unit"})
        for (const double ratio : {0.05, 0.2, 0.4, 0.6, 0.8}) {
            CAPTURE(frame, ratio);
            const std::string options = std::string("frame=") + frame;
            const LayerPlan best = makeMethod("oracle_shot:" + options)->plan(input, {ratio, {}});
            const double least = lostInLayer(data, input.segments, best);
            for (const char* acc : {"all", "window", "seen_mean"}) {
                const LayerPlan plan =
                    makeMethod("shotkv:prefill_only,overflow=skip,acc=" + std::string(acc) + "," + options)
                        ->plan(input, {ratio, {}});
                CHECK(least <= lostInLayer(data, input.segments, plan) + kRounding);
                const auto has = [](const LayerPlan& of, const char* flag) {
                    return std::count(of.flags.begin(), of.flags.end(), flag);
                };
                CHECK(has(best, "frame_exceeds_budget") == has(plan, "frame_exceeds_budget"));
                CHECK(has(best, "no_shot_fits") == has(plan, "no_shot_fits"));
            }
        }
}

TEST_CASE("oracles without decode rows say what is missing", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 2, .n = 30, .t = 0, .window = 8});
    for (const char* oracle :
         {"oracle_mass", "oracle_layer", "oracle_global", "oracle_token", "oracle_shot", "oracle_out"}) {
        CAPTURE(oracle);
        CHECK_THROWS_WITH(test::planLayers(capture, oracle, {0.5, {}}),
                          Catch::Contains(oracle) && Catch::Contains("decode steps"));
    }
}
