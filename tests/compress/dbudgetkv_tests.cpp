// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// DBudgetKV finds its own budget: the readings of paper and code against direct computation.
#include "compress/method.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/plan_layers.hpp"

#include <algorithm>
#include <cmath>
#include <set>

using namespace kvviz;
using namespace kvviz::compress;
using Positions = std::vector<std::int32_t>;

namespace {

/// One layer (number 2) of one-row windows.
core::LayerData layerOf(std::vector<float> row, int heads = 1, int kvHeads = 1)
{
    core::LayerData data;
    data.layer = 2;
    data.heads = core::HeadMap(heads, kvHeads);
    data.n = static_cast<std::int64_t>(row.size()) / heads;
    data.w = 1;
    data.headDim = 1;
    data.windowRows = std::move(row);
    return data;
}

LayerPlan planOf(const std::string& options, const core::LayerData& data, const Budget& budget = {1.0, {}})
{
    static const std::vector<core::Segment> none;
    return makeMethod("dbudgetkv" + options)->plan({data, none}, budget);
}

/// Norm of the mean of the last `rows` window rows of a head over the given keys.
double normOf(const core::LayerData& data, int head, std::int64_t rows, const std::set<std::int32_t>& keys)
{
    double squares = 0;
    for (const std::int32_t key : keys) {
        double mean = 0;
        for (std::int64_t i = data.w - rows; i < data.w; ++i)
            mean += data.windowRow(head, i)[key] / static_cast<double>(rows);
        squares += mean * mean;
    }
    return std::sqrt(squares);
}

} // namespace

TEST_CASE("sinks that hold the norm let the literal rule keep one key, the sink-free rule nearly all", "[unit]")
{
    std::vector<float> row(1000, 0.4f / 999);
    row[0] = 0.6f;
    const core::LayerData data = layerOf(row);
    const LayerPlan literal = planOf(":include_sinks=true", data);
    CHECK(literal.kept[0] == Positions{0});
    CHECK(literal.facts.at("found_ratio") == Approx(0.001));
    CHECK(planOf(":paper", data).kept == literal.kept);
    const LayerPlan sinkFree = planOf("", data);
    REQUIRE(sinkFree.kept[0].size() == 981); // 4 sinks and 977 of the last tokens
    CHECK(sinkFree.kept[0][3] == 3);
    CHECK(sinkFree.kept[0][4] == 1000 - 977);
    CHECK(sinkFree.facts.at("found_ratio") == Approx(0.981));
}

TEST_CASE("one length is the shortest whose mean norm over the heads is near enough", "[unit]")
{
    const test::SyntheticCapture capture(
        {.layers = 3, .heads = 6, .kvHeads = 3, .n = 60, .t = 3, .window = 12, .headDim = 8, .seed = 21});
    const core::LayerData& data = capture.layer(2);
    for (const std::string scope : {"layer", "head"})
        for (const std::string literal : {"false", "true"})
            for (const std::int64_t rows : {1, 3})
                for (const double threshold : {0.01, 0.1, 0.4}) {
                    CAPTURE(scope, literal, rows, threshold);
                    const LayerPlan plan =
                        planOf(":scope=" + scope + ",include_sinks=" + literal + ",rows=" + std::to_string(rows)
                                   + ",threshold=" + std::to_string(threshold) + ",full_layers=0",
                               data);
                    for (int kvHead = 0; kvHead < 3; ++kvHead) {
                        const bool all = scope == "layer";
                        const int from = all ? 0 : 2 * kvHead, to = all ? 6 : from + 2;
                        Positions ranked; // sinks, then backwards
                        for (std::int32_t key = 0; key < 4; ++key)
                            ranked.push_back(key);
                        for (std::int32_t key = 59; key >= 4; --key)
                            ranked.push_back(key);
                        const std::size_t first = literal == "true" ? 0 : 4; // where the norm begins
                        const auto meanNorm = [&](std::size_t length) {
                            const auto begin = ranked.begin() + static_cast<std::ptrdiff_t>(first);
                            double sum = 0;
                            for (int head = from; head < to; ++head)
                                sum += normOf(data, head, rows,
                                              {begin, ranked.begin() + static_cast<std::ptrdiff_t>(length)});
                            return sum;
                        };
                        std::size_t length = first + 1;
                        while (1 - meanNorm(length) / meanNorm(60) > threshold)
                            ++length;
                        Positions expected(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(length));
                        std::sort(expected.begin(), expected.end());
                        CHECK(plan.kept[static_cast<std::size_t>(kvHead)] == expected);
                    }
                }
}

TEST_CASE("the code preset ranks by window attention and measures the tokens before the window", "[unit]")
{
    const test::SyntheticCapture capture(
        {.layers = 1, .heads = 4, .kvHeads = 2, .n = 50, .t = 3, .window = 12, .headDim = 8, .seed = 22});
    const core::LayerData& data = capture.layer(0);
    std::vector<Positions> ranked(2);
    for (int kvHead = 0; kvHead < 2; ++kvHead) {
        std::vector<std::pair<double, std::int32_t>> scores;
        for (std::int32_t key = 0; key < 42; ++key) {
            double sum = 0;
            for (int head = 2 * kvHead; head < 2 * kvHead + 2; ++head)
                for (std::int64_t i = data.w - 8; i < data.w; ++i)
                    sum += data.windowRow(head, i)[key];
            scores.emplace_back(-sum, key);
        }
        std::sort(scores.begin(), scores.end());
        for (const auto& [score, key] : scores)
            ranked[static_cast<std::size_t>(kvHead)].push_back(key);
    }
    const auto meanNorm = [&](std::size_t length) {
        double sum = 0;
        for (int head = 0; head < 4; ++head) {
            const Positions& order = ranked[static_cast<std::size_t>(head / 2)];
            sum += normOf(data, head, 1, {order.begin(), order.begin() + static_cast<std::ptrdiff_t>(length)});
        }
        return sum;
    };
    std::size_t length = 1;
    while (1 - meanNorm(length) / meanNorm(42) > 0.05)
        ++length;
    const LayerPlan plan = planOf(":code", data);
    for (std::size_t kvHead = 0; kvHead < 2; ++kvHead) {
        Positions expected(ranked[kvHead].begin(), ranked[kvHead].begin() + static_cast<std::ptrdiff_t>(length));
        for (std::int32_t key = 42; key < 50; ++key)
            expected.push_back(key);
        std::sort(expected.begin(), expected.end());
        CHECK(plan.kept[kvHead] == expected);
    }
    CHECK(plan.facts.at("found_ratio") == Approx(static_cast<double>(length + 8) / 50));
}

TEST_CASE("heads of a layer share one length, or find their own", "[unit]")
{
    // Head 0 looks at the last token only, head 1 evenly at tokens 4 to 9.
    const core::LayerData data =
        layerOf({0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, .2f, .2f, .2f, .2f, .1f, .1f}, 2, 2);
    const LayerPlan own = planOf(":scope=head", data);
    CHECK(own.kept[0] == Positions{0, 1, 2, 3, 9});
    CHECK(own.kept[1].size() == 10);
    const LayerPlan shared = planOf(":threshold=0.2", data);
    CHECK(shared.kept[0] == shared.kept[1]);
    // Norms: head 0 always 1, head 1 .1 and .141 of .424, so that 1 - 1.1 / 1.424 = .228 and 1 - 1.141 / 1.424 = .199.
    CHECK(shared.kept[0] == Positions{0, 1, 2, 3, 8, 9});
}

TEST_CASE("the first two layers of the model stay whole, whatever was captured", "[unit]")
{
    test::SyntheticCapture capture({.layers = 2, .n = 40, .t = 2, .window = 8, .seed = 23});
    capture.mutableLayer(0).layer = 1;
    capture.mutableLayer(1).layer = 2;
    const auto plans = test::planLayers(capture, "dbudgetkv:threshold=0.5", {1.0, {}});
    CHECK(plans[0].kept[0].size() == 40);
    CHECK(plans[0].facts.at("found_ratio") == 1);
    CHECK(plans[1].kept[0].size() < 40);
    CHECK(test::planLayers(capture, "dbudgetkv:threshold=0.5,full_layers=0", {1.0, {}})[0].kept[0].size() < 40);
}

TEST_CASE("a method that finds its budget does not follow the one given", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .n = 40, .t = 2, .window = 8, .seed = 24});
    CHECK(makeMethod("dbudgetkv")->budgetUse() == BudgetUse::finds);
    CHECK(planOf(":full_layers=0", capture.layer(0), {0.1, {}}).kept
          == planOf(":full_layers=0", capture.layer(0), {1.0, {}}).kept);
}

TEST_CASE("DBudgetKV at its edges keeps what it cannot judge", "[unit]")
{
    CHECK(planOf("", layerOf({.5f, .5f})).kept[0].size() == 2); // fewer tokens than sinks
    const LayerPlan nothing = planOf("", layerOf({1, 0, 0, 0, 0, 0, 0})); // no mass behind the sinks
    CHECK(nothing.kept[0].size() == 7);
    CHECK(nothing.flags == std::vector<std::string>{"no_candidate_mass"});
    CHECK(planOf(":threshold=0", layerOf({.1f, .1f, .1f, .1f, .1f, .2f, .3f})).kept[0].size() == 7);
    CHECK(planOf(":threshold=1,include_sinks=true", layerOf({.1f, .1f, .1f, .1f, .1f, .5f})).kept[0] == Positions{0});
    CHECK(planOf(":rows=3", layerOf({.1f, .1f, .1f, .1f, .1f, .5f})).flags
          == std::vector<std::string>{"window_clamped"});
    CHECK_THROWS_AS(planOf(":threshold=2", layerOf({1})), core::Error);
    CHECK_THROWS_AS(planOf(":rows=0", layerOf({1})), core::Error);
}
