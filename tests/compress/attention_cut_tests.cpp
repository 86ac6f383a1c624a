// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// ObservedAttention and TOVA against the full attention map of made-up captures.
#include "compress/memo.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <limits>
#include <set>

using namespace kvviz;
using namespace kvviz::compress;

namespace {

struct Shape {
    int heads, kvHeads;
};

test::SyntheticCapture captureOf(Shape shape)
{
    return test::SyntheticCapture(
        {.layers = 1, .heads = shape.heads, .kvHeads = shape.kvHeads, .n = 50, .t = 4, .window = 8, .seed = 5});
}

/// Positions of the `count` largest, lower position first among equals, by repeated search.
std::vector<std::int32_t> largest(std::vector<double> scores, std::int64_t count)
{
    std::set<std::int32_t> chosen;
    for (std::int64_t i = 0; i < count; ++i) {
        const auto best = std::max_element(scores.begin(), scores.end());
        chosen.insert(static_cast<std::int32_t>(best - scores.begin()));
        *best = -std::numeric_limits<double>::infinity();
    }
    return {chosen.begin(), chosen.end()};
}

} // namespace

TEST_CASE("ObservedAttention keeps the keys with the largest mean over the queries that see them", "[unit]")
{
    for (const Shape shape : {Shape{6, 2}, Shape{3, 3}, Shape{4, 1}}) {
        const test::SyntheticCapture capture = captureOf(shape);
        const std::int64_t n = 50;
        const LayerInput input{capture.layer(0), capture.info().segments};
        const int group = shape.heads / shape.kvHeads;
        const auto method = makeMethod("observed_attention");
        for (int kvHead = 0; kvHead < shape.kvHeads; ++kvHead) {
            std::vector<double> scores(static_cast<std::size_t>(n), 0.0);
            for (int head = kvHead * group; head < (kvHead + 1) * group; ++head)
                for (std::int64_t key = 0; key < n; ++key) {
                    double sum = 0;
                    for (std::int64_t query = key; query < n; ++query)
                        sum += capture.fullMap(0)[static_cast<std::size_t>((head * n + query) * n + key)];
                    scores[static_cast<std::size_t>(key)] += sum / static_cast<double>(n - key) / group;
                }
            const std::vector<double> shown = method->scores(input, kvHead);
            REQUIRE(shown.size() == scores.size());
            for (std::size_t key = 0; key < scores.size(); ++key)
                CHECK(shown[key] == Approx(scores[key]).epsilon(1e-5));
            for (const std::int64_t count : {1, 7, 25, 49})
                CHECK(method->plan(input, {1.0, count}).kept[static_cast<std::size_t>(kvHead)]
                      == largest(scores, count));
        }
    }
}

TEST_CASE("TOVA keeps what the last prompt query attends to, one set for all heads", "[unit]")
{
    for (const Shape shape : {Shape{6, 2}, Shape{3, 3}, Shape{4, 1}}) {
        const test::SyntheticCapture capture = captureOf(shape);
        const std::int64_t n = 50;
        const LayerInput input{capture.layer(0), capture.info().segments};
        std::vector<double> scores(static_cast<std::size_t>(n), 0.0);
        for (int head = 0; head < shape.heads; ++head)
            for (std::int64_t key = 0; key < n; ++key)
                scores[static_cast<std::size_t>(key)] +=
                    capture.fullMap(0)[static_cast<std::size_t>((head * n + n - 1) * n + key)];
        for (const std::int64_t count : {1, 7, 25, 49}) {
            const LayerPlan plan = makeMethod("tova")->plan(input, {1.0, count});
            for (const auto& kept : plan.kept)
                CHECK(kept == largest(scores, count));
            std::vector<double> guarded = scores;
            guarded.back() = 1e9;
            CHECK(makeMethod("tova:protect_last=true")->plan(input, {1.0, count}).kept[0] == largest(guarded, count));
        }
    }
}

TEST_CASE("TOVA may drop the newest token, and keeps it when told to", "[unit]")
{
    test::SyntheticCapture capture({.layers = 1, .n = 30, .t = 2, .window = 4});
    core::LayerData& data = capture.mutableLayer(0);
    for (int head = 0; head < data.heads.queryHeads(); ++head) {
        float* const row = data.windowRows.data() + (head * data.w + data.w - 1) * data.n;
        std::fill(row, row + data.n, 1.0f / 29);
        row[data.n - 1] = 0;
    }
    const LayerInput input{data, capture.info().segments};
    CHECK(makeMethod("tova")->plan(input, {1.0, 29}).kept[0].back() == 28);
    CHECK(makeMethod("tova:protect_last=true")->plan(input, {1.0, 1}).kept[0] == std::vector<std::int32_t>{29});
    const LayerPlan tied = makeMethod("tova")->plan(input, {1.0, 5});
    CHECK(tied.kept[0] == std::vector<std::int32_t>{0, 1, 2, 3, 4}); // equal scores: lower position first
    CHECK(tied.tiesAtCut == 29);
}

TEST_CASE("methods refuse a layer without the rows they read", "[unit]")
{
    test::SyntheticCapture capture({.layers = 1, .n = 30, .t = 2, .window = 4});
    core::LayerData& data = capture.mutableLayer(0);
    data.received.clear();
    data.windowRows.clear();
    for (const char* specification :
         {"observed_attention", "tova", "pyramidkv", "headkv", "adakv", "adakv:scorer=h2o"}) {
        CAPTURE(specification);
        CHECK_THROWS_AS(makeMethod(specification)->plan({data, {}}, {0.5, {}}), core::Error);
    }
    data.w = 0; // a window of no rows has the right size, and no last query
    CHECK_THROWS_WITH(makeMethod("tova")->plan({data, {}}, {0.5, {}}), Catch::Contains("last prompt query"));
}

TEST_CASE("rankings are shared between budgets through the memo without changing a plan", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .heads = 4, .kvHeads = 2, .n = 60, .window = 16});
    for (const char* specification :
         {"observed_attention", "tova", "tova:protect_last=true", "pyramidkv:window=8", "headkv", "adakv:window=8",
          "adakv:factory", "adakv:alloc=guard,window=8", "adakv:scorer=observed_attention"}) {
        CAPTURE(specification);
        const auto method = makeMethod(specification);
        const LayerInput alone{capture.layer(0), capture.info().segments};
        LayerMemo memo;
        LayerInput shared = alone;
        shared.memo = &memo;
        for (const double ratio : {0.9, 0.4, 0.2})
            CHECK(method->plan(shared, {ratio, {}}).kept == method->plan(alone, {ratio, {}}).kept);
    }
}
