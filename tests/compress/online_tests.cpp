// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// TOVA at each step against a slow simulation, the rows that online methods look at, and the oracle of each step.
#include "compress/kept_sets.hpp"
#include "compress/metrics.hpp"
#include "compress/online_steps.hpp"
#include "core/error.hpp"
#include "tests/compress/online_simulation.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <numeric>

using namespace kvviz;
using namespace kvviz::compress;
using namespace kvviz::test;

namespace {

Simulated simulateTova(const core::LayerData& data, std::int64_t capacity, bool protectLast)
{
    Mask alive(static_cast<std::size_t>(data.total()), 0);
    std::fill_n(alive.begin(), data.n, std::uint8_t{1});
    const auto evict = [&](const std::vector<double>& mean, std::int64_t newest) {
        while (std::count(alive.begin(), alive.end(), 1) > capacity) {
            std::int64_t worst = -1;
            for (std::int64_t key = 0; key <= newest - (protectLast ? 1 : 0); ++key)
                if (alive[static_cast<std::size_t>(key)]
                    && (worst < 0 || mean[static_cast<std::size_t>(key)] <= mean[static_cast<std::size_t>(worst)]))
                    worst = key;
            alive[static_cast<std::size_t>(worst)] = 0;
        }
    };
    std::vector<double> mean(static_cast<std::size_t>(data.total()), 0.0);
    for (int head = 0; head < data.heads.queryHeads(); ++head)
        for (std::int64_t key = 0; key < data.n; ++key)
            mean[static_cast<std::size_t>(key)] += data.windowRow(head, data.w - 1)[key];
    evict(mean, data.n - 1);
    Simulated result{Mask(alive.begin(), alive.begin() + data.n), {}};
    for (std::int64_t step = 0; step < data.t; ++step) {
        alive[static_cast<std::size_t>(data.n + step)] = 1;
        result.steps.insert(result.steps.end(), alive.begin(), alive.end());
        std::fill(mean.begin(), mean.end(), 0.0);
        for (int head = 0; head < data.heads.queryHeads(); ++head) {
            const auto row = maskedRow(data, head, step, alive);
            std::transform(mean.begin(), mean.end(), row.begin(), mean.begin(), std::plus<>());
        }
        evict(mean, data.n + step);
    }
    return result;
}

} // namespace

TEST_CASE("online TOVA drops the least attended key of each step", "[unit]")
{
    for (const std::uint64_t seed : {10, 11, 12})
        for (const std::int64_t capacity : {1, 2, 9, 30, 39})
            for (const bool protectLast : {false, true}) {
                CAPTURE(seed, capacity, protectLast);
                const auto capture = captureOf(seed);
                const core::LayerData& data = capture.layer(0);
                const LayerPlan plan =
                    planOf(protectLast ? "tova_online:protect_last=true" : "tova_online", capture, capacity);
                for (int kvHead = 0; kvHead < 2; ++kvHead)
                    requireSame(plan, data, kvHead, simulateTova(data, capacity, protectLast));
            }
}

TEST_CASE("TOVA may drop the newest token unless it is protected", "[unit]")
{
    auto capture = captureOf(13, 20, 4);
    core::LayerData& data = capture.mutableLayer(0);
    for (int head = 0; head < data.heads.queryHeads(); ++head)
        for (std::int64_t step = 0; step < data.t; ++step) {
            float* const row = data.decodeRows.data() + (head * data.t + step) * data.total();
            std::fill_n(row, data.n + step, 1.0f / static_cast<float>(data.n + step));
            row[data.n + step] = 0.0f;
        }
    const LayerPlan plan = planOf("tova_online", capture, 6);
    const LayerPlan guarded = planOf("tova_online:protect_last=true", capture, 6);
    CHECK_FALSE(sees(plan, data, 1, data.n));
    CHECK(sees(guarded, data, 1, data.n));
    CHECK_FALSE(sees(guarded, data, 2, data.n)); // newest no more
}

TEST_CASE("a layer without window rows is refused by TOVA in a clear sentence", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .n = 12, .t = 3, .window = 0});
    CHECK_THROWS_WITH(planOf("tova_online", capture, 4), Catch::Matchers::Contains("last prompt query"));
}

TEST_CASE("rows without mass on the keys that are left add nothing and divide nothing", "[unit]")
{
    auto capture = captureOf(14, 16, 5);
    core::LayerData& data = capture.mutableLayer(0);
    std::fill(data.decodeRows.begin(), data.decodeRows.end(), 0.0f);
    const Positions keys{1, 4, 16};
    for (const auto& row : renormalisedRows(data, allHeads(data), 0, keys))
        CHECK(row == std::vector<double>{0, 0, 0});
    for (const char* method : {"h2o_online", "h2o_online:hf", "tova_online", "oracle_step", "pyramidinfer:exceed=1"}) {
        CAPTURE(method);
        const LayerPlan plan = planOf(method, capture, 4);
        const LayerMetrics metrics = evaluate({data, capture.info().segments}, plan, Depth::mass, 4);
        for (const float lost : metrics.lostMass)
            CHECK((lost >= 0 && lost <= 1));
    }
}

TEST_CASE("renormalised rows sum to 1 and keep their proportions", "[unit]")
{
    const auto capture = captureOf(15);
    const core::LayerData& data = capture.layer(0);
    const Positions keys{0, 7, 8, 31, 44};
    const auto rows = renormalisedRows(data, groupOf(data, 1), 6, keys);
    REQUIRE(rows.size() == 3);
    for (int r = 0; r < 3; ++r) {
        const auto& row = rows[static_cast<std::size_t>(r)];
        CHECK(std::accumulate(row.begin(), row.end(), 0.0) == Approx(1.0).epsilon(1e-12));
        const float* const captured = data.decodeRow(3 + r, 6);
        for (std::size_t i = 1; i < keys.size(); ++i)
            CHECK(row[i] * captured[keys[0]] == Approx(row[0] * captured[keys[i]]));
    }
}

TEST_CASE("each query of the step oracle reads its own best prompt keys, and no method with as many loses less",
          "[unit]")
{
    const auto capture = captureOf(16);
    const core::LayerData& data = capture.layer(0);
    const LayerInput input{data, capture.info().segments};
    for (const std::int64_t capacity : {3, 12, 30}) {
        const LayerPlan plan = planOf("oracle_step", capture, capacity);
        const LayerMetrics least = evaluate(input, plan, Depth::mass, 4);
        std::int64_t read = 0;
        for (int kvHead = 0; kvHead < 2; ++kvHead) {
            Mask ever(static_cast<std::size_t>(data.n), 0);
            for (std::int64_t step = 0; step < data.t; ++step) {
                std::vector<double> sum(static_cast<std::size_t>(data.n), 0.0);
                for (int r = 0; r < 3; ++r)
                    for (std::int64_t key = 0; key < data.n; ++key)
                        sum[static_cast<std::size_t>(key)] += data.decodeRow(3 * kvHead + r, step)[key];
                const std::uint8_t* const visible =
                    plan.keptDecode.data() + (kvHead * data.t + step) * data.total();
                REQUIRE(std::count(visible, visible + data.n, 1) == capacity);
                REQUIRE(std::count(visible + data.n, visible + data.total(), 1) == step + 1);
                for (const std::int32_t key : sortedBest(sum, data.n, capacity))
                    REQUIRE((visible[key] == 1 && (ever[static_cast<std::size_t>(key)] = 1)));
            }
            read += std::count(ever.begin(), ever.end(), 1);
        }
        CHECK(plan.facts.at("keys_read") == Approx(static_cast<double>(read) / 2));
        for (const char* method : {"oracle_mass", "h2o", "snapkv", "streaming_noshift", "random"}) {
            const LayerMetrics other = evaluate(input, planOf(method, capture, capacity), Depth::mass, 4);
            for (int kvHead = 0; kvHead < 2; ++kvHead)
                for (std::int64_t step = 0; step < data.t; ++step) {
                    double best = 0, theirs = 0;
                    for (int r = 0; r < 3; ++r) {
                        const auto at = static_cast<std::size_t>((3 * kvHead + r) * data.t + step);
                        best += least.lostMass[at];
                        theirs += other.lostMass[at];
                    }
                    REQUIRE(best <= theirs + 1e-5);
                }
        }
    }
}

TEST_CASE("the step oracle refuses a capture without decode steps", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .n = 12, .t = 0});
    CHECK_THROWS_WITH(planOf("oracle_step", capture, 4), Catch::Matchers::Contains("decode steps"));
}

TEST_CASE("online methods cut the prompt even when nothing is generated", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .n = 24, .t = 0, .window = 8});
    for (const char* method : {"h2o_online", "tova_online", "streaming", "streaming_noshift:when=each_step"}) {
        CAPTURE(method);
        const LayerPlan plan = planOf(method, capture, 10);
        CHECK(plan.kept[0].size() == 10);
        CHECK(plan.keptDecode.empty());
    }
    CHECK(planOf("h2o_online:hf", capture, 10).kept[0].size() == 9); // the coming token has the tenth place
}
