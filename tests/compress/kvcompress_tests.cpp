// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// KV-Compress against direct computation: metrics from rows, budgets over the whole model, groups of blocks.
#include "compress/method.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/plan_layers.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <tuple>

using namespace kvviz;
using namespace kvviz::compress;
using Positions = std::vector<std::int32_t>;

namespace {

constexpr int kLayers = 3, kHeads = 4, kKvHeads = 2;

const test::SyntheticCapture& capture()
{
    static const test::SyntheticCapture made({.layers = kLayers,
                                              .heads = kHeads,
                                              .kvHeads = kKvHeads,
                                              .n = 75,
                                              .t = 3,
                                              .window = 40,
                                              .headDim = 8,
                                              .seed = 31});
    return made;
}

/// KVC-w from the window rows: sums of powers, the largest of 7 neighbours, summed over the group.
std::vector<double> windowMetric(std::int64_t slot, int kvHead, int power, std::int64_t window = 8)
{
    const core::LayerData& data = capture().layer(slot);
    std::vector<double> metric(75, 0.0);
    for (int head = 2 * kvHead; head < 2 * kvHead + 2; ++head) {
        std::vector<double> sums(75, 0.0);
        for (std::size_t key = 0; key < 75; ++key)
            for (std::int64_t i = data.w - window; i < data.w; ++i)
                sums[key] += std::pow(static_cast<double>(data.windowRow(head, i)[key]), power);
        for (std::size_t key = 0; key < 75; ++key)
            metric[key] +=
                *std::max_element(sums.begin() + static_cast<std::ptrdiff_t>(key < 3 ? 0 : key - 3),
                                  sums.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(75, key + 4)));
    }
    return metric;
}

/// KVC-full from all prompt rows.
std::vector<double> fullMetric(std::int64_t slot, int kvHead)
{
    std::vector<double> metric(75, 0.0);
    const std::vector<float>& map = capture().fullMap(slot);
    for (std::size_t head = 2 * static_cast<std::size_t>(kvHead); head < 2 * static_cast<std::size_t>(kvHead) + 2;
         ++head)
        for (std::size_t key = 0; key < 75; ++key)
            for (std::size_t query = key + 10; query < 75; ++query)
                metric[key] += std::pow(map[(head * 75 + query) * 75 + key], 2);
    return metric;
}

using Metric = std::vector<double> (*)(std::int64_t, int);

/// Tokens to keep of all (layer, head): protected ones, then the best of all others.
std::vector<Positions> bestTokens(Metric metric, std::int64_t sinks, std::int64_t protect, std::size_t total)
{
    std::vector<std::tuple<double, std::size_t, std::int32_t>> all; // minus the metric, unit, position
    std::vector<Positions> kept(kLayers * kKvHeads);
    for (std::size_t unit = 0; unit < kept.size(); ++unit) {
        const auto values = metric(static_cast<std::int64_t>(unit) / kKvHeads, static_cast<int>(unit) % kKvHeads);
        for (std::int32_t key = 0; key < 75; ++key)
            if (key < sinks || key >= 75 - protect)
                kept[unit].push_back(key);
            else
                all.emplace_back(-values[static_cast<std::size_t>(key)], unit, key);
        total -= kept[unit].size();
    }
    std::sort(all.begin(), all.end());
    for (std::size_t i = 0; i < total; ++i)
        kept[std::get<1>(all[i])].push_back(std::get<2>(all[i]));
    for (Positions& positions : kept)
        std::sort(positions.begin(), positions.end());
    return kept;
}

std::vector<Positions> keptOf(const std::string& specification, const Budget& budget)
{
    std::vector<Positions> kept;
    for (const LayerPlan& plan : test::planLayers(capture(), specification, budget))
        kept.insert(kept.end(), plan.kept.begin(), plan.kept.end());
    return kept;
}

std::int64_t tokens(const std::vector<Positions>& kept)
{
    return std::accumulate(kept.begin(), kept.end(), std::int64_t{0},
                           [](std::int64_t sum, const Positions& positions) { return sum + std::ssize(positions); });
}

std::int64_t blocks(const std::vector<Positions>& kept, std::int64_t block)
{
    std::int64_t sum = 0;
    for (const Positions& positions : kept)
        sum += (std::ssize(positions) + block - 1) / block;
    return sum;
}

/// The group rule, one eviction after the other: of all heads' next groups the one with the smallest maximum goes.
std::vector<Positions> evictBlocks(std::int64_t protect, std::int64_t block, std::int64_t wantedBlocks)
{
    struct Head {
        std::vector<std::pair<double, std::int32_t>> evictable; // worst first
        Positions safe;
        std::size_t next = 0; // entries of the next group
    };
    std::vector<Head> heads(kLayers * kKvHeads);
    for (std::size_t unit = 0; unit < heads.size(); ++unit) {
        const auto values =
            windowMetric(static_cast<std::int64_t>(unit) / kKvHeads, static_cast<int>(unit) % kKvHeads, 2);
        for (std::int32_t key = 0; key < 75; ++key)
            if (key < 75 - protect)
                heads[unit].evictable.emplace_back(values[static_cast<std::size_t>(key)], -key);
            else
                heads[unit].safe.push_back(key);
        std::sort(heads[unit].evictable.begin(), heads[unit].evictable.end());
        heads[unit].next = static_cast<std::size_t>(75 % block == 0 ? block : 75 % block);
    }
    const std::int64_t before = std::ssize(heads) * ((75 + block - 1) / block);
    for (std::int64_t freed = 0; freed < before - wantedBlocks; ++freed) {
        Head* cheapest = nullptr;
        for (Head& head : heads)
            if (head.evictable.size() >= head.next
                && (!cheapest || head.evictable[head.next - 1].first <= cheapest->evictable[cheapest->next - 1].first))
                cheapest = &head;
        REQUIRE(cheapest);
        cheapest->evictable.erase(cheapest->evictable.begin(),
                                  cheapest->evictable.begin() + static_cast<std::ptrdiff_t>(cheapest->next));
        cheapest->next = static_cast<std::size_t>(block);
    }
    std::vector<Positions> kept;
    for (Head& head : heads) {
        for (const auto& [value, key] : head.evictable)
            head.safe.push_back(-key);
        std::sort(head.safe.begin(), head.safe.end());
        kept.push_back(head.safe);
    }
    return kept;
}

} // namespace

TEST_CASE("window metric: the best tokens of the whole model by squared attention, pooled, of the last queries",
          "[unit]")
{
    const Metric squared = [](std::int64_t slot, int kvHead) { return windowMetric(slot, kvHead, 2); };
    const Metric plain = [](std::int64_t slot, int kvHead) { return windowMetric(slot, kvHead, 1); };
    for (const std::int64_t capacity : {33, 40, 60, 74}) {
        CAPTURE(capacity);
        const auto total = static_cast<std::size_t>(capacity * kLayers * kKvHeads);
        CHECK(keptOf("kvcompress", {1.0, capacity}) == bestTokens(squared, 0, 32, total));
        CHECK(keptOf("kvcompress:power=l1", {1.0, capacity}) == bestTokens(plain, 0, 32, total));
        CHECK(keptOf("kvcompress:sinks=3,protect=5", {1.0, capacity}) == bestTokens(squared, 3, 5, total));
    }
}

TEST_CASE("full metric: squared attention of all queries but the next ten, without pooling", "[unit]")
{
    for (const std::int64_t capacity : {5, 20, 50}) {
        CAPTURE(capacity);
        const auto total = static_cast<std::size_t>(capacity * kLayers * kKvHeads);
        CHECK(keptOf("kvcompress:full,protect=4", {1.0, capacity}) == bestTokens(fullMetric, 0, 4, total));
    }
    CHECK(makeMethod("kvcompress")->needs() == core::Need::windowRows);
    CHECK(makeMethod("kvcompress:full")->needs() == core::Need::farSquares);
}

TEST_CASE("budgets are spent exactly over the model, or over each layer", "[unit]")
{
    std::set<std::size_t> sizes;
    for (std::int64_t capacity = 1; capacity <= 75; ++capacity) {
        CAPTURE(capacity);
        const std::vector<Positions> global = keptOf("kvcompress:protect=3", {1.0, capacity});
        CHECK(tokens(global) == capacity * kLayers * kKvHeads);
        for (const Positions& positions : global)
            sizes.insert(positions.size());
        for (const LayerPlan& plan : test::planLayers(capture(), "kvcompress:scope=layer", {1.0, capacity})) {
            CHECK(tokens(plan.kept) == capacity * kKvHeads);
            const auto [least, most] = std::minmax({plan.kept[0].size(), plan.kept[1].size()});
            CHECK(plan.facts.at("head_budget_min") == static_cast<double>(least));
            CHECK(plan.facts.at("head_budget_max") == static_cast<double>(most));
        }
    }
    CHECK(sizes.size() > 40); // heads do differ
}

TEST_CASE("whole blocks go in the order of the best token in them", "[unit]")
{
    for (const std::int64_t block : {2, 4, 5, 16})
        for (const std::int64_t capacity : {8, 15, 16, 17, 30, 48, 64, 70}) {
            CAPTURE(block, capacity);
            const std::int64_t rounded = (capacity + block - 1) / block * block;
            const std::int64_t wanted = rounded / block * kLayers * kKvHeads;
            const std::string options = "kvcompress:paper,block=" + std::to_string(block);
            const std::vector<Positions> kept = keptOf(options, {1.0, capacity});
            if (rounded >= 75) {
                CHECK(tokens(kept) == 75 * kLayers * kKvHeads);
                continue;
            }
            CHECK(kept == evictBlocks(std::min<std::int64_t>(8, rounded), block, wanted));
            CHECK(blocks(kept, block) == wanted);
            CHECK(tokens(kept) <= rounded * kLayers * kKvHeads);
            for (const Positions& positions : kept)
                CHECK((positions.size() == 75 || std::ssize(positions) % block == 0));
        }
}

TEST_CASE("blocks of one token are tokens", "[unit]")
{
    for (const std::int64_t capacity : {3, 33, 50})
        CHECK(keptOf("kvcompress:paper,block=1", {1.0, capacity}) == keptOf("kvcompress:protect=8", {1.0, capacity}));
}

TEST_CASE("a budget within the protected tokens keeps sinks and the latest", "[unit]")
{
    const auto plan = [](const std::string& options, std::int64_t capacity) {
        return makeMethod("kvcompress" + options)
            ->plan({capture().layer(0), capture().info().segments}, {1.0, capacity});
    };
    const LayerPlan tight = plan(":sinks=2", 5);
    CHECK(tight.kept[0] == Positions{0, 1, 72, 73, 74});
    CHECK(tight.flags == std::vector<std::string>{"protected_exceed_budget"});
    CHECK(plan(":sinks=2", 1).kept[1] == Positions{0});
    CHECK(plan("", 32).flags.empty());
    CHECK(plan("", 32).kept[0].front() == 75 - 32);
    CHECK(plan(":paper,protect=20", 3).kept[0].size() == 16); // one block
}

TEST_CASE("a layer planned alone is the whole model", "[unit]")
{
    const LayerInput input{capture().layer(1), capture().info().segments, 1, kLayers};
    CHECK(makeMethod("kvcompress")->plan(input, {0.5, {}}).kept
          == makeMethod("kvcompress:scope=layer")->plan(input, {0.5, {}}).kept);
}

TEST_CASE("KV-Compress shows its metric as a score, protected tokens above all", "[unit]")
{
    const LayerInput input{capture().layer(2), capture().info().segments};
    const std::vector<double> scores = makeMethod("kvcompress:sinks=1,protect=4")->scores(input, 1);
    const std::vector<double> metric = windowMetric(2, 1, 2);
    REQUIRE(scores.size() == 75);
    for (std::size_t key = 0; key < 75; ++key)
        if (key < 1 || key >= 71)
            CHECK(std::isinf(scores[key]));
        else
            CHECK(scores[key] == Approx(metric[key]).epsilon(1e-12));
}

TEST_CASE("KV-Compress refuses what a capture cannot give and kernels that have no middle", "[unit]")
{
    CHECK_THROWS_WITH(makeMethod("kvcompress:full,power=l1"), Catch::Contains("metric=window"));
    CHECK_THROWS_WITH(makeMethod("kvcompress:kernel=4"), Catch::Contains("odd"));
    CHECK_THROWS_AS(makeMethod("kvcompress:block=0"), core::Error);
    core::LayerData data = capture().layer(0);
    data.receivedSqFar.clear();
    CHECK_THROWS_WITH(makeMethod("kvcompress:full")->plan({data, {}}, {0.5, {}}), Catch::Contains("kvcompress"));
}
