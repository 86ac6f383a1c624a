// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Knorm and KeyDiff against selections made the slow way, one comparison at a time.
#include "compress/method.hpp"
#include "compress/top_k.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>

using namespace kvviz;
using namespace kvviz::compress;
using Catch::Matchers::Contains;
using Positions = std::vector<std::int32_t>;

namespace {

const test::SyntheticCapture& capture()
{
    static const test::SyntheticCapture made(
        {.layers = 3, .heads = 6, .kvHeads = 3, .n = 150, .t = 4, .window = 8, .headDim = 8, .seed = 21});
    return made;
}

LayerPlan planOf(const std::string& specification, const core::LayerData& data, const Budget& budget)
{
    return makeMethod(specification)->plan({data, capture().info().segments}, budget);
}

/// Keys of a KV head at a prompt position.
std::vector<long double> keyOf(const core::LayerData& data, int kvHead, std::int64_t position)
{
    const auto first = data.key.begin() + (kvHead * data.total() + position) * data.headDim;
    return {first, first + data.headDim};
}

long double dot(const std::vector<long double>& a, const std::vector<long double>& b)
{
    long double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += a[i] * b[i];
    return sum;
}

/// Takes the best remaining candidate again and again.
Positions bestOf(const Positions& candidates, const std::function<long double(std::int32_t)>& score, std::int64_t count)
{
    std::set<std::int32_t> taken;
    while (std::ssize(taken) < count) {
        std::int32_t best = -1;
        for (const std::int32_t candidate : candidates)
            if (taken.count(candidate) == 0 && (best < 0 || score(candidate) > score(best)))
                best = candidate;
        taken.insert(best);
    }
    return {taken.begin(), taken.end()};
}

/// -cos to the mean of the normalised candidates.
Positions mostDifferent(const core::LayerData& data, int kvHead, const Positions& candidates, std::int64_t count)
{
    std::vector<long double> anchor(static_cast<std::size_t>(data.headDim), 0.0L);
    for (const std::int32_t candidate : candidates) {
        const auto key = keyOf(data, kvHead, candidate);
        for (std::size_t i = 0; i < key.size(); ++i)
            anchor[i] += key[i] / std::sqrt(dot(key, key)) / static_cast<long double>(candidates.size());
    }
    return bestOf(
        candidates,
        [&](std::int32_t position) {
            const auto key = keyOf(data, kvHead, position);
            return -dot(key, anchor) / std::sqrt(dot(key, key) * dot(anchor, anchor));
        },
        count);
}

Positions upTo(std::int64_t n)
{
    Positions all;
    for (std::int32_t position = 0; position < n; ++position)
        all.push_back(position);
    return all;
}

bool hasFlag(const LayerPlan& plan, const std::string& flag)
{
    return std::find(plan.flags.begin(), plan.flags.end(), flag) != plan.flags.end();
}

/// One head of one channel, so that a key is a number.
core::LayerData numbers(const std::vector<float>& keys, int headDim = 1)
{
    core::LayerData data;
    data.headDim = headDim;
    data.n = std::ssize(keys) / headDim;
    data.key = keys;
    return data;
}

} // namespace

TEST_CASE("Knorm keeps the keys of smallest norm in every head", "[unit]")
{
    const core::LayerData& data = capture().layer(1);
    for (const std::int64_t count : {1, 30, 149}) {
        const LayerPlan plan = planOf("knorm", data, {1.0, count});
        for (int kvHead = 0; kvHead < 3; ++kvHead)
            CHECK(plan.kept[static_cast<std::size_t>(kvHead)]
                  == bestOf(
                      upTo(data.n),
                      [&](std::int32_t position) {
                          const auto key = keyOf(data, kvHead, position);
                          return -dot(key, key);
                      },
                      count));
    }
}

TEST_CASE("Knorm takes the earlier of keys with equal norms and counts the tie", "[unit]")
{
    const core::LayerData data = numbers({3, -2, 2, -2, 5, 1});
    const LayerPlan plan = planOf("knorm", data, {1.0, 3});
    CHECK(plan.kept[0] == Positions{1, 2, 5});
    CHECK(plan.tiesAtCut == 3);
    CHECK(planOf("knorm", data, {1.0, 4}).tiesAtCut == 0);
    // A norm that float could not tell from its neighbour.
    CHECK(planOf("knorm", numbers({4096.5f, 0.0f, 4096.5f, 0.03125f, 1.0f, 0.0f}, 2), {1.0, 2}).kept[0]
          == Positions{0, 2});
    // Not a number is worse than any number.
    CHECK(planOf("knorm", numbers({std::numeric_limits<float>::quiet_NaN(), 9, 8}), {1.0, 2}).kept[0]
          == Positions{1, 2});
}

TEST_CASE("Knorm's layers that keep everything are those of the model, not of the capture", "[unit]")
{
    const auto tokens = [](const std::string& specification, int layer) {
        core::LayerData data = capture().layer(0);
        data.layer = layer;
        const LayerPlan plan = planOf(specification, data, {0.5, {}});
        CHECK(hasFlag(plan, "layers_kept_whole") == (plan.kept[0].size() == 150));
        return plan.kept[0].size();
    };
    for (const int layer : {0, 1})
        CHECK(tokens("knorm:paper", layer) == 150);
    for (const int layer : {2, 10, 11})
        CHECK(tokens("knorm:paper", layer) == 75);
    for (const int layer : {0, 4, 5, 6, 9})
        CHECK(tokens("knorm:skip_layers=0/4-6/9", layer) == 150);
    for (const int layer : {1, 3, 7, 8, 40})
        CHECK(tokens("knorm:skip_layers=0/4-6/9", layer) == 75);
    for (const char* wrong : {"x", "", "1-", "-1", "3-2", "1/", "/1", "1/2x", "99999999999", "1-2-3", "nonee"}) {
        CAPTURE(wrong);
        CHECK_THROWS_WITH(makeMethod(std::string("knorm:skip_layers=") + wrong), Contains("names no layers"));
    }
}

TEST_CASE("Knorm rounds a ratio down, down in kvpress's arithmetic, or up as the original", "[unit]")
{
    const core::LayerData data = numbers(std::vector<float>(1000, 1.0f));
    const auto kept = [&](const std::string& specification, const Budget& budget) {
        return planOf(specification, data, budget).kept[0].size();
    };
    CHECK(kept("knorm", {0.1, {}}) == 100);
    CHECK(kept("knorm:kvpress", {0.1, {}}) == 99);
    CHECK(kept("knorm:compat=original", {0.1001, {}}) == 101);
    CHECK(kept("knorm", {0.1001, {}}) == 100);
    CHECK(kept("knorm:compat=original", {0.1001, 77}) == 77); // tokens are not rounded
    CHECK(kept("knorm:prune_after=1000", {0.1, {}}) == 100);
    CHECK(kept("knorm:prune_after=1001", {0.1, {}}) == 1000);
    CHECK(hasFlag(planOf("knorm:prune_after=1001", data, {0.1, {}}), "prompt_below_prune_after"));
    CHECK_THROWS_AS(planOf("knorm:paper", data, {1.5, {}}), core::Error);
}

TEST_CASE("KeyDiff keeps the keys least like the mean direction", "[unit]")
{
    const core::LayerData& data = capture().layer(0);
    for (const std::int64_t count : {1, 40, 120}) {
        const LayerPlan plan = planOf("keydiff", data, {1.0, count});
        for (int kvHead = 0; kvHead < 3; ++kvHead)
            CHECK(plan.kept[static_cast<std::size_t>(kvHead)] == mostDifferent(data, kvHead, upTo(data.n), count));
    }
}

TEST_CASE("KeyDiff does not care how long keys are", "[unit]")
{
    core::LayerData scaled = capture().layer(0);
    for (std::size_t i = 0; i < scaled.key.size(); ++i)
        scaled.key[i] *= std::ldexp(1.0f, static_cast<int>(i / 8 % 5)); // one factor a key
    for (const char* specification : {"keydiff", "keydiff:block=16"})
        CHECK(planOf(specification, scaled, {0.4, {}}).kept
              == planOf(specification, capture().layer(0), {0.4, {}}).kept);
}

TEST_CASE("blockwise KeyDiff cuts the cache after every block, which is not the plain method", "[unit]")
{
    const core::LayerData& data = capture().layer(2);
    for (const std::int64_t block : {1, 16, 60, 1000})
        for (const std::int64_t count : {2, 37, 100}) { // of two keys neither is nearer to their mean
            const LayerPlan plan = planOf("keydiff:block=" + std::to_string(block), data, {1.0, count});
            for (int kvHead = 0; kvHead < 3; ++kvHead) {
                Positions kept = upTo(count);
                for (std::int64_t next = count; next < data.n;) {
                    for (std::int64_t taken = 0; taken < block && next < data.n; ++taken, ++next)
                        kept.push_back(static_cast<std::int32_t>(next));
                    kept = mostDifferent(data, kvHead, kept, count);
                }
                CAPTURE(block, count, kvHead);
                CHECK(plan.kept[static_cast<std::size_t>(kvHead)] == kept);
            }
        }
    const LayerPlan plain = planOf("keydiff", data, {0.3, {}});
    CHECK(planOf("keydiff:block=16", data, {0.3, {}}).kept != plain.kept);
    CHECK(planOf("keydiff:paper", data, {0.3, {}}).kept == planOf("keydiff:block=128", data, {0.3, {}}).kept);
    // A block that takes the whole rest at once is the plain method.
    CHECK(planOf("keydiff:block=1000", data, {0.3, {}}).kept == plain.kept);
}

TEST_CASE("KeyDiff plans keys without direction", "[unit]")
{
    for (const char* specification : {"keydiff", "keydiff:block=2"}) {
        CAPTURE(specification);
        // All zero, and opposite keys whose mean is zero: everything ties.
        const std::vector<float> zero(12, 0.0f), opposite{1, 0, -1, 0, 0, 2, 0, -2, 3, 0, -3, 0};
        for (const auto& keys : {zero, opposite}) {
            const LayerPlan plan = planOf(specification, numbers(keys, 2), {1.0, 3});
            CHECK(plan.kept[0].size() == 3);
        }
        CHECK(planOf(specification, numbers(zero, 2), {1.0, 3}).kept[0] == Positions{0, 1, 2});
        CHECK(planOf(specification, numbers(zero, 2), {1.0, 3}).tiesAtCut > 0);
        // A zero key among equal ones is the least like them.
        CHECK(planOf(specification, numbers({1, 1, 1, 1, 0, 0, 1, 1, 1, 1}, 2), {1.0, 1}).kept[0] == Positions{2});
    }
}

TEST_CASE("scores that other methods may build on are those of the plan", "[unit]")
{
    const core::LayerData& data = capture().layer(0);
    const LayerInput input{data, capture().info().segments};
    for (const char* specification : {"knorm", "keydiff", "lagkv:lag=16", "random", "random:protected,window=8"}) {
        CAPTURE(specification);
        const auto method = makeMethod(specification);
        const LayerPlan plan = method->plan(input, {0.4, {}});
        for (int kvHead = 0; kvHead < 3; ++kvHead) {
            const std::vector<double> scores = method->scores(input, kvHead);
            REQUIRE(std::ssize(scores) == data.n);
            CHECK(topK(scores, 60).positions == plan.kept[static_cast<std::size_t>(kvHead)]);
        }
    }
    CHECK(makeMethod("keydiff:paper")->scores(input, 0).empty());
}

TEST_CASE("methods on keys say when there are none", "[unit]")
{
    core::LayerData data = capture().layer(0);
    data.key.clear();
    for (const char* specification : {"knorm", "keydiff", "lagkv"})
        CHECK_THROWS_WITH(planOf(specification, data, {0.5, {}}), Contains("keys"));
    data = capture().layer(0);
    data.value.clear();
    CHECK_THROWS_WITH(planOf("lagkv", data, {0.5, {}}), Contains("values"));
    CHECK_THROWS_AS(makeMethod("keydiff:block=-1"), core::Error);
}
