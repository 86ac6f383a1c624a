// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A layer kept ready for a window gives what a replay of the whole capture gives, to the bit, for every method.
#include "compress/layer_session.hpp"
#include "compress/replay.hpp"
#include "compress/specification.hpp"
#include "core/error.hpp"
#include "core/statistics.hpp"
#include "tests/support/bench_line.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>

#include <fmt/format.h>

using namespace kvviz;
using namespace kvviz::compress;
using Catch::Matchers::Contains;
using core::Need;

namespace {

std::shared_ptr<CaptureSession> sessionOf(const test::SyntheticCapture& capture, SessionOptions options = {})
{
    // The capture lives as long as the test.
    return std::make_shared<CaptureSession>(
        std::shared_ptr<const core::CaptureSource>(std::shared_ptr<void>(), &capture), std::move(options));
}

/// NaN equals NaN.
bool same(const std::vector<float>& part, const std::vector<float>& whole, std::size_t slot)
{
    if (whole.empty() || part.empty())
        return whole.empty() == part.empty();
    const auto begin = whole.begin() + static_cast<std::ptrdiff_t>(slot * part.size());
    return std::equal(part.begin(), part.end(), begin,
                      [](float x, float y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

std::vector<std::uint8_t> maskOf(const LayerPlan& plan, std::int64_t n)
{
    std::vector<std::uint8_t> mask;
    for (const auto& positions : plan.kept) {
        std::vector<std::uint8_t> head(static_cast<std::size_t>(n), 0);
        for (const std::int32_t position : positions)
            head[static_cast<std::size_t>(position)] = 1;
        mask.insert(mask.end(), head.begin(), head.end());
    }
    return mask;
}

std::vector<std::uint8_t> partOf(const std::vector<std::uint8_t>& whole, std::size_t slot, std::size_t layers)
{
    const auto size = static_cast<std::ptrdiff_t>(whole.size() / layers);
    const auto begin = whole.begin() + static_cast<std::ptrdiff_t>(slot) * size;
    return {begin, begin + size};
}

/// The default set of replays, every preset of every method, and what looks at other layers.
std::vector<std::string> everySpecification()
{
    std::vector<std::string> all = defaultReplaySet();
    for (const MethodInfo& info : methodList())
        for (const auto& [preset, values] : info.presets)
            all.push_back(info.name + ":" + preset);
    all.insert(all.end(), {"chunkkv:reuse=2", "shotkv:global=true", "random:seeds=3", "chunkkv:reuse=2+kivi:bits=4"});
    return all;
}

void compareWithReplay(const test::SyntheticCapture& capture, const std::vector<Budget>& budgets, Depth depth)
{
    ReplayRequest request;
    request.methods = everySpecification();
    request.budgets = budgets;
    request.depth = depth;
    request.threads = 1;
    const ReplayReport report = replay(capture, request);
    const auto session = sessionOf(capture);
    const std::size_t layers = capture.info().layers.size();
    std::size_t skipped = 0;
    for (std::size_t slot = 0; slot < layers; ++slot) {
        LayerSession layer(session, static_cast<std::int64_t>(slot));
        std::size_t at = 0;
        for (const std::string& specification : request.methods) {
            CAPTURE(specification, slot);
            if (!session->obstacle(specification).empty()) {
                ++skipped;
                CHECK_THROWS_AS(layer.outcome(specification, budgets.front()), core::Error);
                continue;
            }
            const bool follows = session->method(specification)->budgetUse() == BudgetUse::follows;
            for (const Budget& budget : follows ? budgets : std::vector<Budget>{budgets.front()}) {
                REQUIRE(at < report.results.size());
                const ReplayResult& result = report.results[at++];
                const LayerOutcome outcome = layer.outcome(specification, budget);
                REQUIRE(outcome.depth == depth);
                CHECK(maskOf(outcome.plan, report.nPrompt) == partOf(result.kept, slot, layers));
                CHECK(outcome.plan.keptDecode == partOf(result.keptDecode, slot, layers));
                CHECK(same(outcome.metrics.lostMass, result.lostMass, slot));
                CHECK(same(outcome.metrics.lostNonSink, result.lostNonSink, slot));
                CHECK(same(outcome.metrics.lostGenerated, result.lostGenerated, slot));
                CHECK(same(outcome.metrics.outputError, result.outputError, slot));
                CHECK(same(outcome.metrics.survival, result.survival, slot));
                CHECK(same(outcome.metrics.intact, result.intact, slot));
            }
        }
        CHECK(at == report.results.size());
    }
    CHECK(skipped == report.skipped.size() * layers);
}

} // namespace

TEST_CASE("a layer session gives what a replay gives for every method, to the bit", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 4, .heads = 4, .kvHeads = 2, .n = 70, .t = 5, .headDim = 8});
    compareWithReplay(capture, {{0.7, {}}, {0.2, {}}, {1.0, 9}}, Depth::output);
}

TEST_CASE("a layer session judges a capture without decode rows as a replay does", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 3, .heads = 4, .kvHeads = 2, .n = 60, .t = 0, .window = 17});
    compareWithReplay(capture, {{0.5, {}}}, Depth::output);
    CHECK_THAT(sessionOf(capture)->judged().evaluatedOn(), Contains("8 of 17 window queries"));
}

TEST_CASE("a layer session of a capture without keys and values stops at attention mass", "[unit]")
{
    test::SyntheticCapture capture({.layers = 2, .heads = 4, .kvHeads = 2, .n = 60, .t = 4});
    capture.setAvailable(Need::stats | Need::windowRows | Need::decodeRows);
    compareWithReplay(capture, {{0.5, {}}, {0.1, {}}}, Depth::mass);
    LayerSession layer(sessionOf(capture), 0);
    CHECK(std::isnan(layer.summary("snapkv", {0.5, {}}).meanOutputError));
    CHECK_THROWS_WITH(layer.outcome("knorm", {0.5, {}}), Contains("lacks keys"));
}

TEST_CASE("one head, one layer and one decode row are enough for a layer session", "[unit]")
{
    compareWithReplay(test::SyntheticCapture({.layers = 1, .heads = 1, .kvHeads = 1, .n = 12, .t = 1, .window = 4}),
                      {{0.5, {}}}, Depth::output);
}

TEST_CASE("a capture of statistics alone has no session, and says why", "[unit]")
{
    test::SyntheticCapture capture;
    capture.setAvailable(Need::stats);
    CHECK_THROWS_WITH(sessionOf(capture), Contains("neither decode rows nor window rows"));
}

TEST_CASE("attention mass comes first and is what the whole outcome says", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 2, .n = 70, .t = 5});
    LayerSession layer(sessionOf(capture), 1);
    for (const std::string method : {"snapkv", "kivi:group=4,residual=8", "streaming", "h2o_online"}) {
        CAPTURE(method);
        const LayerOutcome coarse = layer.outcome(method, {0.4, {}}, Depth::mass);
        const LayerOutcome fine = layer.outcome(method, {0.4, {}}, Depth::output);
        const LayerOutcome again = layer.outcome(method, {0.4, {}}, Depth::mass);
        CHECK(coarse.depth == Depth::mass);
        CHECK(coarse.metrics.outputError.empty());
        CHECK(fine.metrics.outputError.size() == fine.metrics.lostMass.size());
        CHECK(coarse.metrics.lostMass == fine.metrics.lostMass);
        CHECK(again.metrics.lostMass == fine.metrics.lostMass);
        CHECK(coarse.plan.kept == fine.plan.kept);
    }
}

TEST_CASE("the first draw of a random method comes first, and all of them are what a replay gives", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .n = 90, .t = 6});
    LayerSession layer(sessionOf(capture), 0), fresh(sessionOf(capture), 0);
    for (const std::string method : {"random", "random_shot", "random:seeds=3"}) {
        CAPTURE(method);
        const Budget budget{0.4, {}};
        const LayerOutcome first = layer.outcome(method, budget, {.depth = Depth::mass, .allDraws = false});
        const LayerOutcome one = fresh.outcome(method.find(':') == std::string::npos ? method + ":seeds=1" : "random:seeds=1",
                                               budget, Depth::mass);
        CHECK(first.metrics.lostMass == one.metrics.lostMass);
        CHECK(first.summary.keptTokens == one.summary.keptTokens);
        const LayerOutcome all = layer.outcome(method, budget);
        const LayerOutcome whole = fresh.outcome(method, budget);
        CHECK(all.plan.kept == first.plan.kept);
        CHECK(all.metrics.lostMass != first.metrics.lostMass);
        CHECK(all.metrics.lostMass == whole.metrics.lostMass);
        CHECK(all.metrics.outputError == whole.metrics.outputError);
        CHECK(all.summary.meanLost == whole.summary.meanLost);
        CHECK(layer.outcome(method, budget, {.depth = Depth::mass, .allDraws = false}).metrics.lostMass
              == first.metrics.lostMass); // the draws that are there change nothing
    }
}

TEST_CASE("summaries of a layer are means of its arrays, and of what is kept", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 2, .heads = 4, .kvHeads = 2, .n = 70, .t = 5, .headDim = 8});
    LayerSession layer(sessionOf(capture), 0);
    const LayerOutcome outcome = layer.outcome("snapkv", {0.3, {}});
    CHECK(outcome.summary.keptTokens == 2 * 21);
    CHECK(outcome.summary.keptRatio == Approx(0.3));
    CHECK(outcome.summary.sizeRatio == Approx(0.3));
    CHECK(outcome.summary.bytes == 2 * 21 * 8 * 2 * 2);
    CHECK(outcome.summary.meanLost == core::mean(outcome.metrics.lostMass));
    CHECK(outcome.summary.meanLostNonSink == core::mean(outcome.metrics.lostNonSink));
    CHECK(outcome.summary.meanOutputError == core::mean(outcome.metrics.outputError));
    const LayerSummary kivi = layer.summary("kivi:bits=2,group=4,residual=8", {0.3, {}});
    CHECK(kivi.keptRatio == 1);
    CHECK(kivi.sizeRatio < 0.7);
}

TEST_CASE("a sweep over ratios is one summary a ratio, and one for a method of a fixed size", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 2, .n = 70, .t = 5});
    LayerSession layer(sessionOf(capture), 1);
    const std::vector<double> ratios{0.1, 0.4, 1.0};
    const std::vector<LayerSummary> sweep = layer.sweep("h2o", ratios);
    REQUIRE(sweep.size() == 3);
    for (std::size_t i = 0; i < ratios.size(); ++i) {
        CHECK(sweep[i].keptTokens == layer.outcome("h2o", {ratios[i], {}}).summary.keptTokens);
        CHECK(sweep[i].meanLost == layer.outcome("h2o", {ratios[i], {}}).summary.meanLost);
        CHECK(layer.remembers("h2o", {ratios[i], {}}));
    }
    CHECK_FALSE(layer.remembers("h2o", {0.2, {}}));
    CHECK(sweep.back().meanLost == 0);
    CHECK(layer.sweep("kivi:group=4,residual=8", ratios).size() == 1);
    CHECK(layer.remembers("kivi:group=4,residual=8", {0.77, {}}));
}

TEST_CASE("another number of sinks changes the mass without sinks, and nothing else", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 2, .n = 70, .t = 5});
    const auto session = sessionOf(capture);
    LayerSession layer(session, 0);
    const LayerSummary four = layer.summary("snapkv", {0.3, {}});
    session->setSinkTokens(1);
    const LayerSummary one = layer.summary("snapkv", {0.3, {}});
    CHECK(one.meanLost == four.meanLost);
    CHECK(one.meanOutputError == four.meanOutputError);
    CHECK(one.meanLostNonSink != four.meanLostNonSink);
    SessionOptions options;
    options.sinkTokens = 1;
    LayerSession fresh(sessionOf(capture, options), 0);
    CHECK(fresh.summary("snapkv", {0.3, {}}).meanLostNonSink == one.meanLostNonSink);
    session->setSinkTokens(4);
    CHECK(layer.summary("snapkv", {0.3, {}}).meanLostNonSink == four.meanLostNonSink);
}

TEST_CASE("a stopped survey goes on where it was, and its result is that of an unstopped one", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 5, .n = 70, .t = 5});
    LayerSession layer(sessionOf(capture), 2), other(sessionOf(capture), 2);
    std::vector<std::int64_t> seen;
    std::stop_source stop;
    core::Progress progress;
    progress.stop = stop.get_token();
    progress.report = [&](std::string_view phase, std::int64_t done, std::int64_t) {
        if (phase == "survey")
            seen.push_back(done);
        if (done == 3)
            stop.request_stop();
    };
    CHECK_THROWS_AS(layer.outcome("oracle_global", {0.3, {}}, progress), core::Error);
    core::Progress resumed;
    resumed.report = progress.report;
    const LayerOutcome outcome = layer.outcome("oracle_global", {0.3, {}}, resumed);
    CHECK(seen == std::vector<std::int64_t>{0, 1, 2, 3, 4});
    CHECK(outcome.metrics.lostMass == other.outcome("oracle_global", {0.3, {}}).metrics.lostMass);
    CHECK(outcome.plan.kept == other.outcome("oracle_global", {0.3, {}}).plan.kept);
}

TEST_CASE("bad budgets and unknown methods are refused by a layer session", "[unit]")
{
    const test::SyntheticCapture capture;
    LayerSession layer(sessionOf(capture), 0);
    CHECK_THROWS_WITH(layer.outcome("snapkw", {0.5, {}}), Contains("snapkv"));
    CHECK_THROWS_AS(layer.outcome("snapkv", {1.5, {}}), core::Error);
    CHECK_THROWS_AS(layer.summary("snapkv:window=x", {0.5, {}}), core::Error);
}

TEST_CASE("many specifications one after the other give what a fresh session gives", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .n = 70, .t = 3});
    LayerSession layer(sessionOf(capture), 0);
    for (int window = 1; window <= 120; ++window) // more than the session keeps methods and shared results for
        (void)layer.summary(fmt::format("snapkv:window={}", window), {0.3, {}});
    LayerSession fresh(sessionOf(capture), 0);
    CHECK(layer.outcome("snapkv:window=3", {0.5, {}}).metrics.lostMass
          == fresh.outcome("snapkv:window=3", {0.5, {}}).metrics.lostMass);
}

TEST_CASE("a specification is its parts, and the parts give the specification", "[unit]")
{
    const auto parts = parseSpecification("snapkv:factory,window=16+kivi:bits=2");
    REQUIRE(parts.size() == 2);
    CHECK(parts[0] == MethodPart{"snapkv", "factory", {{"window", "16"}}});
    CHECK(parts[1] == MethodPart{"kivi", "", {{"bits", "2"}}});
    for (const std::string& specification : everySpecification())
        CHECK(formatSpecification(parseSpecification(specification)) == specification);
    CHECK_THROWS_WITH(parseSpecification("snapkv:window=1,factory"), Contains("NAME:PRESET"));
}

// Not run by ctest. On one thread, in processor time, so that a busy machine tells nearly the same.
TEST_CASE("time of one update of a warm layer session at 4096 tokens", "[.bench]")
{
    const auto milliseconds = [] { return 1e3 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; };
    const test::SyntheticCapture capture(
        {.layers = 1, .heads = 9, .kvHeads = 3, .n = 4096, .t = 64, .window = 32, .headDim = 64});
    LayerSession layer(sessionOf(capture), 0);
    for (const std::string& method : defaultReplaySet()) {
        if (!layer.captureSession().obstacle(method).empty())
            continue;
        // As the window asks: masses of the first draw, then everything.
        const OutcomeDetail coarse{.depth = Depth::mass, .allDraws = false};
        const double before = milliseconds();
        (void)layer.outcome(method, {0.5, {}}, coarse);
        const double first = milliseconds() - before;
        (void)layer.outcome(method, {0.5, {}});
        std::vector<double> told, whole;
        for (const double ratio : {0.91, 0.74, 0.55, 0.42, 0.33, 0.27, 0.12, 0.06}) {
            const double start = milliseconds();
            (void)layer.outcome(method, {ratio, {}}, coarse);
            told.push_back(milliseconds() - start);
            (void)layer.outcome(method, {ratio, {}});
            whole.push_back(milliseconds() - start);
        }
        CHECK(whole.size() == told.size());
        test::printBenchLine("live_update", method,
                             {{"first_ms", first},
                              {"told_ms", core::quantile(told, 0.5)},
                              {"told_worst_ms", core::maximum(told)},
                              {"whole_ms", core::quantile(whole, 0.5)},
                              {"whole_worst_ms", core::maximum(whole)}});
    }
}
