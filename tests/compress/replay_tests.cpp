// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Whole replays on made-up captures: bookkeeping, splitting, half precision, threads, refusal.
#include "compress/layer_prep.hpp"
#include "compress/replay.hpp"
#include "core/half.hpp"
#include "core/statistics.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

using namespace kvviz;
using namespace kvviz::compress;
using Catch::Matchers::Contains;
using core::Need;

namespace {

/// NaN equals NaN, so that whole arrays can be compared.
bool same(const std::vector<float>& a, const std::vector<float>& b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](float x, float y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

ReplayRequest requestOf(std::vector<std::string> methods, std::vector<Budget> budgets = {{0.5, {}}})
{
    ReplayRequest request;
    request.methods = std::move(methods);
    request.budgets = std::move(budgets);
    return request;
}

/// Those of the default set that spend a budget by dropping keys, once, and can run without tables.
std::vector<std::string> evictions(const test::SyntheticCapture& capture)
{
    std::vector<std::string> result;
    for (const std::string& specification : defaultReplaySet()) {
        const auto method = makeMethod(specification);
        if (method->info().klass[0] == 'E' && specification.find('+') == std::string::npos && method->draws() == 1
            && method->budgetUse() == BudgetUse::follows && method->obstacle(capture.info(), nullptr).empty())
            result.push_back(specification);
    }
    return result;
}

} // namespace

TEST_CASE("methods that follow no budget are replayed once, and report what they took", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 4, .heads = 4, .kvHeads = 2, .n = 70, .t = 5, .headDim = 8});
    const ReplayReport report =
        replay(capture, requestOf({"kivi:group=4,residual=16", "dbudgetkv:full_layers=0", "minicache", "think"},
                                  {{0.9, {}}, {0.2, {}}}));
    REQUIRE(report.results.size() == 4);
    for (const ReplayResult& result : report.results) {
        CAPTURE(result.method);
        const bool finds = result.budgetUse == BudgetUse::finds;
        CHECK(finds == (result.method == "dbudgetkv"));
        CHECK(result.budget.ratio == Approx(finds ? result.actualRatio : result.sizeRatio));
        CHECK(result.sizeRatio < 1);
        CHECK(std::isnan(result.keyError) == finds); // what an eviction keeps is as captured
        CHECK(std::isnan(result.valueCosine) == finds);
        CHECK(result.meanOutputError > 0);
        CHECK(result.meanConcatError > 0);
        CHECK(result.meanBlockError > 0);
    }
}

TEST_CASE("methods that cannot run are skipped with the reason", "[unit]")
{
    test::SyntheticCapture capture({.layers = 2, .n = 70, .t = 5});
    capture.setAvailable(core::Need::stats | core::Need::windowRows | core::Need::decodeRows);
    ReplayRequest request = requestOf({"kv_distill", "token_scorer", "knorm", "kvcompress:full", "snapkv"});
    request.depth = Depth::mass;
    const ReplayReport report = replay(capture, request);
    CHECK(report.results.size() == 1);
    REQUIRE(report.skipped.size() == 4);
    CHECK_THAT(report.skipped[0].second, Catch::Matchers::Contains("oracle_token"));
    CHECK_THAT(report.skipped[1].second, Catch::Matchers::Contains("--table"));
    CHECK_THAT(report.skipped[2].second, Catch::Matchers::Contains("lacks keys"));
    CHECK_THAT(report.skipped[3].second, Catch::Matchers::Contains("far queries"));
}

TEST_CASE("random baselines are averages over their draws with a spread", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 2, .n = 70, .t = 5});
    const ReplayReport report = replay(capture, requestOf({"random:seeds=4", "snapkv"}));
    REQUIRE(report.results.size() == 2);
    CHECK(report.results[0].draws == 4);
    CHECK(report.results[0].stdLost > 0);
    std::vector<double> lost;
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
        ReplayRequest one = requestOf({"random:seeds=1"});
        one.seed = seed;
        lost.push_back(replay(capture, one).results[0].meanLost);
    }
    CHECK(report.results[0].meanLost == Approx(core::mean(lost)));
    CHECK(report.results[0].stdLost == Approx(core::standardDeviation(lost)));
    CHECK(report.results[1].draws == 1);
    CHECK(std::isnan(report.results[1].stdLost));
}

TEST_CASE("tables of another model are refused", "[unit]")
{
    const test::SyntheticCapture capture;
    ReplayRequest request = requestOf({"headkv"});
    core::ModelTables tables;
    tables.modelSha256 = std::string(64, 'b');
    tables.modelName = "another";
    request.tables = std::make_shared<const core::ModelTables>(tables);
    CHECK_THROWS_WITH(replay(capture, request), Catch::Matchers::Contains("another"));
}

TEST_CASE("a replay reports every method at every budget with its bookkeeping", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 3, .heads = 4, .kvHeads = 2, .n = 70, .t = 5, .headDim = 8});
    const ReplayRequest request = requestOf(evictions(capture), {{0.9, {}}, {0.2, {}}, {1.0, 10}});
    REQUIRE(request.methods.size() > 25);
    const ReplayReport report = replay(capture, request);
    REQUIRE(report.results.size() == request.methods.size() * 3);
    CHECK(report.skipped.empty());
    CHECK(report.evaluatedOn == "5 decode queries");
    CHECK(report.nPrompt == 70);
    CHECK(report.nQueries == 5);
    for (std::size_t i = 0; i < report.results.size(); ++i) {
        const ReplayResult& result = report.results[i];
        CAPTURE(result.method, result.variant, result.budget.ratio);
        CHECK(result.method == makeMethod(request.methods[i / 3])->info().name);
        CHECK(result.budgetTokens == (i % 3 == 0 ? 63 : i % 3 == 1 ? 14 : 10));
        CHECK(result.kept.size() == 3 * 2 * 70);
        CHECK(result.keptTokens == std::accumulate(result.kept.begin(), result.kept.end(), std::int64_t{0}));
        CHECK(result.actualRatio == Approx(static_cast<double>(result.keptTokens) / (3 * 2 * 70)));
        CHECK(result.bytes == static_cast<std::uint64_t>(result.keptTokens * 2 * 8 * 2));
        CHECK(result.lostMass.size() == 3 * 4 * 5);
        CHECK(result.outputError.size() == 3 * 4 * 5);
        CHECK(result.survival.size() == 3 * capture.info().segments.size());
        CHECK(result.meanLost == Approx(core::mean(result.lostMass)));
        CHECK(result.maxLost == Approx(core::maximum(result.lostMass)));
        CHECK(result.p95Lost <= result.maxLost);
        // Five steps are no batch for PyramidInfer.
        const std::set<std::string> online{"streaming", "h2o_online", "tova_online", "oracle_step"};
        const bool stepwise = online.count(result.method) != 0
                              || (result.method == "shotkv" && result.variant != "prefill_only");
        CHECK(result.keptDecode.size() == (stepwise ? 3 * 2 * 5 * 75 : 0));
        if (result.method == "fullkv")
            CHECK((result.maxLost == 0 && core::maximum(result.outputError) == 0 && result.actualRatio == 1));
    }
}

TEST_CASE("a budget in tokens keeps its nominal value where the prompt is shorter", "[unit]")
{
    for (const std::int64_t n : {20, 70}) {
        CAPTURE(n);
        const test::SyntheticCapture capture({.layers = 2, .heads = 4, .kvHeads = 2, .n = n});
        const ReplayReport report = replay(capture, requestOf({"h2o"}, {{1.0, 50}}));
        CHECK(report.results[0].budgetTokens == 50);
        CHECK(report.results[0].keptTokens == 2 * 2 * std::min<std::int64_t>(n, 50));
    }
}

TEST_CASE("a capture of some heads draws what the same heads draw among all", "[unit]")
{
    const test::SyntheticCapture whole({.layers = 2, .heads = 8, .kvHeads = 4, .n = 60});
    test::SyntheticCapture some({.layers = 2, .heads = 4, .kvHeads = 2, .n = 60});
    some.mutableInfo().model.nHeads = 8;
    some.mutableInfo().model.nKvHeads = 4;
    some.mutableInfo().heads = {2, 3, 6, 7}; // KV heads 1 and 3
    const ReplayReport all = replay(whole, requestOf({"random"})), part = replay(some, requestOf({"random"}));
    for (std::size_t slot = 0; slot < 2; ++slot)
        for (std::size_t i = 0; i < 2; ++i) {
            const auto head = [&](const ReplayReport& report, std::size_t row) {
                const auto begin = report.results[0].kept.begin() + static_cast<std::ptrdiff_t>(row * 60);
                return std::vector<std::uint8_t>(begin, begin + 60);
            };
            CHECK(head(part, slot * 2 + i) == head(all, slot * 4 + 2 * i + 1));
            CHECK(head(part, slot * 2 + i) != head(all, slot * 4 + i));
        }
}

TEST_CASE("a replay gives what plan and evaluate give layer by layer", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 2, .heads = 4, .kvHeads = 2, .n = 50, .t = 4});
    const ReplayReport report = replay(capture, requestOf({"snapkv:window=6"}));
    std::vector<float> lost, error;
    for (int slot = 0; slot < 2; ++slot) {
        core::LayerData data = capture.layer(slot);
        renormaliseRows(data);
        const LayerInput input{data, capture.info().segments, slot, 2};
        const LayerPlan plan = makeMethod("snapkv:window=6")->plan(input, {0.5, {}});
        const LayerMetrics metrics = evaluate(input, plan, Depth::output, 4);
        lost.insert(lost.end(), metrics.lostMass.begin(), metrics.lostMass.end());
        error.insert(error.end(), metrics.outputError.begin(), metrics.outputError.end());
    }
    CHECK(report.results[0].lostMass == lost);
    CHECK(report.results[0].outputError == error);
}

TEST_CASE("results do not depend on the number of threads", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 2, .heads = 4, .kvHeads = 2, .n = 60, .t = 6});
    ReplayRequest request = requestOf(defaultReplaySet(), {{0.7, {}}, {0.3, {}}});
    request.threads = 1;
    const ReplayReport one = replay(capture, request);
    request.threads = 5;
    const ReplayReport five = replay(capture, request);
    for (std::size_t i = 0; i < one.results.size(); ++i) {
        CHECK(one.results[i].kept == five.results[i].kept);
        CHECK(one.results[i].keptDecode == five.results[i].keptDecode);
        CHECK(same(one.results[i].lostMass, five.results[i].lostMass));
        CHECK(same(one.results[i].outputError, five.results[i].outputError));
        CHECK(same(one.results[i].survival, five.results[i].survival));
    }
}

TEST_CASE("without decode rows the window is split and masks use earlier rows only", "[unit]")
{
    const test::SyntheticCapture capture(
        {.layers = 1, .heads = 4, .kvHeads = 2, .n = 60, .t = 0, .window = 17, .headDim = 8, .seed = 4});
    const ReplayReport report = replay(capture, requestOf({"h2o", "snapkv:window=4", "oracle_mass", "shotkv"}));
    CHECK_THAT(report.evaluatedOn, Contains("last 8 of 17 window queries") && Contains("no decode rows"));
    CHECK(report.nPrompt == 52);
    CHECK(report.nQueries == 8);
    REQUIRE(report.results.size() == 4);

    // Second route: the layer of a prompt of 52 tokens, built from the full map.
    core::LayerData cut = capture.layer(0);
    cut.n = 52;
    cut.t = 8;
    cut.w = 9;
    cut.windowRows.clear();
    cut.decodeRows.clear();
    std::fill(cut.received.begin(), cut.received.end(), 0.0f);
    for (int head = 0; head < 4; ++head)
        for (std::int64_t query = 0; query < 60; ++query) {
            const float* const row = capture.fullMap(0).data() + (head * 60 + query) * 60;
            if (query < 52)
                for (std::int64_t key = 0; key < 52; ++key)
                    cut.received[static_cast<std::size_t>(head * 60 + key)] += row[key];
            if (query >= 52 - 9 && query < 52)
                cut.windowRows.insert(cut.windowRows.end(), row, row + 52);
            if (query >= 52)
                cut.decodeRows.insert(cut.decodeRows.end(), row, row + 60);
        }
    renormaliseRows(cut);
    for (const ReplayResult& result : report.results) {
        CAPTURE(result.method);
        const LayerInput input{cut, capture.info().segments};
        const auto method = makeMethod(result.method + (result.variant.empty() ? "" : ":" + result.variant));
        const LayerPlan plan = method->plan(input, {0.5, {}});
        for (std::size_t g = 0; g < 2; ++g)
            for (std::int32_t key = 0; key < 52; ++key)
                REQUIRE((result.kept[g * 52 + static_cast<std::size_t>(key)] != 0)
                        == std::binary_search(plan.kept[g].begin(), plan.kept[g].end(), key));
        const LayerMetrics metrics = evaluate(input, plan, Depth::output, 4);
        for (std::size_t i = 0; i < metrics.lostMass.size(); ++i) {
            REQUIRE(result.lostMass[i] == Approx(metrics.lostMass[i]).margin(1e-6));
            REQUIRE(result.outputError[i] == Approx(metrics.outputError[i]).margin(1e-5));
        }
    }
}

TEST_CASE("splitting takes the later rows out of every sum and keeps the cache", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .n = 40, .t = 3, .window = 10, .headDim = 8, .seed = 2});
    const core::LayerData& data = capture.layer(0);
    const core::LayerData cut = splitAtWindow(data, windowSplit(40, 10, "x"));
    CHECK(cut.n == 35);
    CHECK(cut.t == 5);
    CHECK(cut.w == 5);
    REQUIRE(cut.key.size() == 2 * 40 * 8);
    CHECK(cut.query.size() == 4 * 10 * 8);
    for (std::int64_t token = 0; token < 40; ++token)
        for (int c = 0; c < 8; ++c)
            REQUIRE(cut.key[static_cast<std::size_t>((40 + token) * 8 + c)]
                    == data.key[static_cast<std::size_t>((43 + token) * 8 + c)]);
    for (int head = 0; head < 4; ++head)
        for (std::int64_t key = 0; key < 40; ++key) {
            double sum = 0, squares = 0, window = 0;
            for (std::int64_t query = 0; query < 35 && key < 35; ++query) {
                const double p = capture.fullMap(0)[static_cast<std::size_t>((head * 40 + query) * 40 + key)];
                sum += p;
                squares += p * p;
                window += query >= 30 ? p : 0;
            }
            const auto at = static_cast<std::size_t>(head * 40 + key);
            REQUIRE(cut.received[at] == Approx(sum).margin(1e-5));
            REQUIRE(cut.receivedSq[at] == Approx(squares).margin(1e-5));
            REQUIRE(cut.receivedWindow[at] == Approx(window).margin(1e-5));
        }
}

TEST_CASE("a capture that cannot be evaluated is refused with what to do", "[unit]")
{
    test::SyntheticCapture narrow({.layers = 1, .n = 30, .t = 0, .window = 1});
    CHECK_THROWS_WITH(replay(narrow, requestOf({"fullkv"})), Contains("--generate"));
    test::SyntheticCapture stats({.layers = 1});
    stats.mutableInfo().tier = core::Tier::stats;
    stats.setAvailable(Need::stats);
    CHECK_THROWS_WITH(replay(stats, requestOf({"h2o"})), Contains("tier stats") && Contains("--tier cache"));
    test::SyntheticCapture noValues({.layers = 1});
    noValues.setAvailable(Need::stats | Need::decodeRows);
    CHECK_THROWS_WITH(replay(noValues, requestOf({"h2o"})), Contains("--depth mass"));
    CHECK_THROWS_AS(replay(stats, requestOf({"h3o"})), core::Error);
    CHECK_THROWS_AS(replay(stats, requestOf({"h2o"}, {{1.5, {}}})), core::Error);
}

TEST_CASE("methods whose arrays are missing are skipped with the reason", "[unit]")
{
    test::SyntheticCapture capture({.layers = 1});
    capture.setAvailable(Need::stats | Need::decodeRows);
    ReplayRequest request = requestOf({"h2o", "snapkv", "shotkv"});
    request.depth = Depth::mass;
    const ReplayReport report = replay(capture, request);
    REQUIRE(report.skipped.size() == 1);
    CHECK(report.skipped[0].first == "snapkv");
    CHECK_THAT(report.skipped[0].second, Contains("window rows"));
    REQUIRE(report.results.size() == 2);
    CHECK(report.results[0].outputError.empty());
    CHECK(report.results[0].meanLost > 0);
}

TEST_CASE("half-precision rows are renormalised and the deviation is reported", "[unit]")
{
    test::SyntheticCapture capture({.layers = 2, .n = 200, .t = 6, .window = 16, .seed = 8});
    const ReplayReport exact = replay(capture, requestOf({"snapkv:window=8"}));
    CHECK(exact.maxRowDeviation < 1e-5);
    double worst = 0;
    for (int slot = 0; slot < 2; ++slot)
        for (auto* rows : {&capture.mutableLayer(slot).windowRows, &capture.mutableLayer(slot).decodeRows}) {
            const std::int64_t length = rows == &capture.mutableLayer(slot).windowRows ? 200 : 206;
            for (float& value : *rows)
                value = core::halfToFloat(core::floatToHalf(value));
            for (auto row = rows->begin(); row != rows->end(); row += length)
                worst = std::max(worst, std::abs(std::accumulate(row, row + length, 0.0) - 1));
        }
    const ReplayReport rounded = replay(capture, requestOf({"snapkv:window=8", "fullkv"}));
    CHECK(rounded.maxRowDeviation == Approx(worst));
    CHECK(worst > 1e-5);
    CHECK(rounded.results[0].meanLost == Approx(exact.results[0].meanLost).epsilon(2e-3));
    CHECK(rounded.results[1].maxLost == 0);
}

TEST_CASE("rows without mass are left alone", "[unit]")
{
    test::SyntheticCapture capture({.layers = 1, .n = 10, .t = 1, .window = 2});
    core::LayerData& data = capture.mutableLayer(0);
    std::fill(data.decodeRows.begin(), data.decodeRows.end(), 0.0f);
    CHECK(renormaliseRows(data) == 1.0);
    CHECK(std::all_of(data.decodeRows.begin(), data.decodeRows.end(), [](float v) { return v == 0; }));
    const ReplayReport report = replay(capture, requestOf({"snapkv:window=2"}));
    CHECK(report.results[0].deadQueries == 4);
}

TEST_CASE("a replay reports progress and stops when asked", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 4, .n = 40});
    std::vector<std::int64_t> seen;
    std::stop_source stop;
    core::Progress progress{[&](std::string_view, std::int64_t done, std::int64_t total) {
                                CHECK(total == 4);
                                seen.push_back(done);
                            },
                            stop.get_token()};
    (void)replay(capture, requestOf({"snapkv"}), progress);
    CHECK(seen == std::vector<std::int64_t>{0, 1, 2, 3, 4});
    progress.report = [&](std::string_view, std::int64_t done, std::int64_t) {
        if (done == 2)
            stop.request_stop();
    };
    try {
        (void)replay(capture, requestOf({"snapkv"}), progress);
        FAIL("the replay ran on");
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::cancelled);
    }
}

TEST_CASE("errors inside the parallel part come out as themselves", "[unit]")
{
    test::SyntheticCapture capture({.layers = 1});
    capture.mutableLayer(0).windowRows.resize(3); // an array that contradicts its shape
    CHECK_THROWS_AS(replay(capture, requestOf({"fullkv", "snapkv", "random"})), core::Error);
}

TEST_CASE("masks can be left out", "[unit]")
{
    const test::SyntheticCapture capture;
    ReplayRequest request = requestOf({"shotkv"});
    request.keepMasks = false;
    const ReplayReport report = replay(capture, request);
    CHECK(report.results[0].kept.empty());
    CHECK(report.results[0].keptDecode.empty());
    CHECK(report.results[0].keptTokens > 0);
}
