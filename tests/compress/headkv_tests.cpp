// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// HeadKV's budgets from an importance table.
#include "compress/head_budgets.hpp"
#include "compress/method.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

using namespace kvviz;
using namespace kvviz::compress;

namespace {

core::ModelTables tableOf(int layers, int heads, std::vector<double> values)
{
    core::ModelTables tables;
    tables.heads = core::HeadImportance{layers, heads, std::move(values), 3};
    return tables;
}

std::vector<std::int64_t> sizes(const LayerPlan& plan)
{
    std::vector<std::int64_t> result;
    for (const auto& kept : plan.kept)
        result.push_back(std::ssize(kept));
    return result;
}

} // namespace

TEST_CASE("HeadKV pools nearly everything at a beta near 1", "[unit]")
{
    // floor(120 / 1.005) = 119 of each head's 120 tokens are pooled, 1 is sure.
    core::HeadImportance table{2, 2, {1, 0, 0, 0}, 1};
    CHECK(headkvBudgets(table, 120, 1.005, 1) == std::vector<std::int64_t>{4 * 119 + 1, 1, 1, 1});
    table.values = {1, 1, 1, 1};
    CHECK(headkvBudgets(table, 120, 1.005, 1) == std::vector<std::int64_t>{120, 120, 120, 120});
    table.values = {3, 1, 0, 0};
    CHECK(headkvBudgets(table, 100, 2, 1) == std::vector<std::int64_t>{200, 100, 50, 50});
    CHECK(headkvBudgets(table, 100, 2, 2) == std::vector<std::int64_t>{230, 70, 50, 50}); // 9 : 1
    CHECK(headkvBudgets(table, 100, 2, 0) == std::vector<std::int64_t>{100, 100, 100, 100});
    table.values = {0, 0, 0, 0};
    CHECK(headkvBudgets(table, 100, 2, 1) == std::vector<std::int64_t>{100, 100, 100, 100});
}

TEST_CASE("HeadKV's budgets sum to the pool but for rounding, and follow the table", "[unit]")
{
    core::HeadImportance table{4, 6, std::vector<double>(24), 1};
    for (std::size_t i = 0; i < 24; ++i)
        table.values[i] = std::fmod(static_cast<double>(i) * 0.618034, 1.0);
    for (const std::int64_t pool : {1, 17, 120, 501})
        for (const double beta : {1.0, 1.01, 1.5, 10.0}) {
            const std::vector<std::int64_t> budgets = headkvBudgets(table, pool, beta, 1);
            const auto sum = std::accumulate(budgets.begin(), budgets.end(), std::int64_t{0});
            CHECK(std::abs(sum - 24 * pool) <= 12);
            for (std::size_t a = 0; a < 24; ++a)
                for (std::size_t b = 0; b < 24; ++b)
                    if (table.values[a] >= table.values[b])
                        CHECK(budgets[a] >= budgets[b]);
        }
}

TEST_CASE("HeadKV without a table is SnapKV with a flag", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .heads = 6, .kvHeads = 2, .n = 80, .window = 16});
    const LayerInput input{.data = capture.layer(0), .segments = capture.info().segments, .info = &capture.info()};
    const core::ModelTables none;
    LayerInput withTables = input;
    withTables.tables = &none; // tables, but none of heads
    for (const double ratio : {0.05, 0.1, 0.5, 0.9}) {
        const auto snap = makeMethod("snapkv:factory")->plan(input, {ratio, {}});
        for (const LayerInput& given : {input, withTables}) {
            const auto plan = makeMethod("headkv")->plan(given, {ratio, {}});
            CHECK(plan.kept == snap.kept);
            CHECK(std::count(plan.flags.begin(), plan.flags.end(), "no_importance_table") == 1);
            CHECK(plan.facts.empty());
        }
    }
}

TEST_CASE("HeadKV gives a KV head the mean of its query heads", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 2, .heads = 4, .kvHeads = 2, .n = 200, .window = 16});
    // Layer 1: heads 0, 1 share KV head 0.
    const core::ModelTables tables = tableOf(2, 4, {0, 0, 0, 0, 3, 1, 0, 0});
    const LayerInput input{.data = capture.layer(1),
                           .segments = capture.info().segments,
                           .slot = 1,
                           .layers = 2,
                           .info = &capture.info(),
                           .tables = &tables};
    // B = 20, floor(20 / 2) pooled from 8 heads: 60 + 10 and 20 + 10 tokens, mean 50; 10 and 10.
    const LayerPlan plan = makeMethod("headkv:beta=2")->plan(input, {1.0, 28});
    CHECK(sizes(plan) == std::vector<std::int64_t>{58, 18});
    CHECK(plan.flags.empty());
    CHECK(plan.facts.at("head_budget_max") == 58);
    CHECK(plan.facts.at("head_budget_min") == 18);
    const auto snap = makeMethod("snapkv:factory");
    CHECK(plan.kept[0] == snap->plan(input, {1.0, 58}).kept[0]);
    CHECK(plan.kept[1] == snap->plan(input, {1.0, 18}).kept[1]);
    const LayerInput first{.data = capture.layer(0),
                           .segments = capture.info().segments,
                           .slot = 0,
                           .layers = 2,
                           .info = &capture.info(),
                           .tables = &tables};
    CHECK(sizes(makeMethod("headkv:beta=2")->plan(first, {1.0, 28})) == std::vector<std::int64_t>{18, 18});
}

TEST_CASE("HeadKV reads the rows of the heads that were captured", "[unit]")
{
    test::SyntheticCapture capture({.layers = 1, .heads = 2, .kvHeads = 1, .n = 200, .window = 16});
    core::CaptureInfo info = capture.info();
    info.model.nLayers = 3;
    info.model.nHeads = 6;
    info.model.nKvHeads = 3;
    core::LayerData data = capture.layer(0);
    data.layer = 2;
    std::vector<double> values(18, 0.0);
    values[2 * 6 + 4] = 1; // layer 2, KV head 2
    const core::ModelTables tables = tableOf(3, 6, values);
    const std::vector<int> kvHeads{2}, others{1};
    LayerInput input{.data = data, .segments = info.segments, .kvHeads = kvHeads, .info = &info, .tables = &tables};
    // B = 20: 10 pooled from each of 18 heads; 190 and 10, mean 100.
    CHECK(sizes(makeMethod("headkv:beta=2")->plan(input, {1.0, 28})) == std::vector<std::int64_t>{108});
    input.kvHeads = others;
    CHECK(sizes(makeMethod("headkv:beta=2")->plan(input, {1.0, 28})) == std::vector<std::int64_t>{18});
}

TEST_CASE("HeadKV keeps all of a head whose budget is above the prompt", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .heads = 2, .kvHeads = 2, .n = 40, .window = 8});
    const core::ModelTables tables = tableOf(1, 2, {1, 0});
    const LayerInput input{
        .data = capture.layer(0), .segments = capture.info().segments, .info = &capture.info(), .tables = &tables};
    CHECK(sizes(makeMethod("headkv")->plan(input, {1.0, 39}))
          == std::vector<std::int64_t>{40, 9}); // the surplus is lost
    CHECK(sizes(makeMethod("headkv")->plan(input, {1.0, 40})) == std::vector<std::int64_t>{40, 40});
    const LayerPlan within = makeMethod("headkv")->plan(input, {1.0, 6});
    CHECK(sizes(within) == std::vector<std::int64_t>{6, 6});
    CHECK(within.flags == std::vector<std::string>{"window_exceeds_budget"});
}

TEST_CASE("HeadKV refuses a table of another model or with impossible numbers", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 2, .heads = 4, .kvHeads = 2, .n = 60, .window = 8});
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const std::vector<core::ModelTables> tables{tableOf(3, 4, std::vector<double>(12, 1)),
                                                tableOf(2, 8, std::vector<double>(16, 1)),
                                                tableOf(0, 0, {}),
                                                tableOf(2, 4, std::vector<double>(7, 1)),
                                                tableOf(2, 4, {1, 1, 1, nan, 1, 1, 1, 1}),
                                                tableOf(2, 4, {1, 1, 1, -1, 1, 1, 1, 1})};
    for (const core::ModelTables& table : tables) {
        LayerInput input{
            .data = capture.layer(1), .segments = capture.info().segments, .info = &capture.info(), .tables = &table};
        try {
            (void)makeMethod("headkv")->plan(input, {0.5, {}});
            FAIL("accepted");
        } catch (const core::Error& error) {
            CHECK(error.code() == core::ErrorCode::badInput);
        }
    }
    const core::ModelTables small = tableOf(1, 4, {1, 1, 1, 1}); // no row for layer 1
    const LayerInput bare{.data = capture.layer(1), .segments = capture.info().segments, .tables = &small};
    CHECK_THROWS_WITH(makeMethod("headkv")->plan(bare, {0.5, {}}), Catch::Contains("1 layers and 4 query heads"));
    for (const char* specification : {"headkv:beta=0.9", "headkv:temp=-1", "headkv:window=0"})
        CHECK_THROWS_AS(makeMethod(specification), core::Error);
}
