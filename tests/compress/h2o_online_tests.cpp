// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// H2O that evicts at each step against slow simulations of its paper and codes, written with whole arrays and flags in
// place of live sets.
#include "compress/method.hpp"
#include "tests/compress/online_simulation.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cmath>

using namespace kvviz;
using namespace kvviz::compress;
using namespace kvviz::test;

namespace {

/// Column sums of the prompt for the heads of a group. [R][T]
std::vector<std::vector<double>> promptSums(const core::LayerData& data, int kvHead)
{
    std::vector<std::vector<double>> sums;
    for (int r = 0; r < data.heads.groupSize(); ++r) {
        const auto first = data.received.begin() + (data.heads.firstQueryHead(kvHead) + r) * data.total();
        sums.emplace_back(first, first + data.total());
    }
    return sums;
}

double meanAt(const std::vector<std::vector<double>>& heads, std::int64_t key)
{
    double sum = 0;
    for (const auto& head : heads)
        sum += head[static_cast<std::size_t>(key)];
    return sum / static_cast<double>(heads.size());
}

/// methods.md 5.3, clean: evict one key at a time until the cache is within heavy + recent.
Simulated simulateH2o(const core::LayerData& data, int kvHead, std::int64_t heavy, std::int64_t recent)
{
    auto scores = promptSums(data, kvHead);
    Mask alive(static_cast<std::size_t>(data.total()), 0);
    std::fill_n(alive.begin(), data.n, std::uint8_t{1});
    const auto evict = [&] {
        while (std::count(alive.begin(), alive.end(), 1) > heavy + recent) {
            std::int64_t worst = -1, newer = 0;
            for (std::int64_t key = data.total() - 1; key >= 0; --key) {
                if (!alive[static_cast<std::size_t>(key)] || newer++ < recent)
                    continue;
                if (worst < 0 || meanAt(scores, key) < meanAt(scores, worst))
                    worst = key;
            }
            alive[static_cast<std::size_t>(worst)] = 0;
        }
    };
    evict();
    Simulated result{Mask(alive.begin(), alive.begin() + data.n), {}};
    for (std::int64_t step = 0; step < data.t; ++step) {
        alive[static_cast<std::size_t>(data.n + step)] = 1;
        result.steps.insert(result.steps.end(), alive.begin(), alive.end());
        for (int r = 0; r < data.heads.groupSize(); ++r) {
            const auto row = maskedRow(data, data.heads.firstQueryHead(kvHead) + r, step, alive);
            for (std::size_t key = 0; key < row.size(); ++key)
                scores[static_cast<std::size_t>(r)][key] += row[key];
        }
        evict();
    }
    return result;
}

/// The loop of utils_hh with its arrays: previous scores over T keys, a mask over T + 1.
Simulated simulateHf(const core::LayerData& data, int kvHead, std::int64_t heavy, std::int64_t recent)
{
    auto previous = promptSums(data, kvHead);
    Simulated result;
    for (std::int64_t keys = data.n;; ++keys) { // T of the code
        Mask next(static_cast<std::size_t>(keys + 1), 1), spared;
        std::vector<double> reduced(static_cast<std::size_t>(keys));
        for (std::int64_t key = 0; key < keys; ++key)
            reduced[static_cast<std::size_t>(key)] = meanAt(previous, key);
        if (keys > heavy + recent) {
            std::fill(next.begin(), next.end() - recent, std::uint8_t{0});
            for (const std::int32_t key : sortedBest(reduced, keys - recent, heavy))
                next[static_cast<std::size_t>(key)] = 1;
        }
        spared.assign(next.begin(), next.end() - 1);
        std::fill(spared.end() - recent, spared.end(), std::uint8_t{1});
        for (auto& head : previous)
            for (std::int64_t key = 0; key < keys; ++key)
                head[static_cast<std::size_t>(key)] *= spared[static_cast<std::size_t>(key)];
        if (keys == data.n)
            result.kept.assign(next.begin(), next.end() - 1);
        const std::int64_t step = keys - data.n;
        if (step == data.t)
            return result;
        next.resize(static_cast<std::size_t>(data.total()), 0);
        result.steps.insert(result.steps.end(), next.begin(), next.end());
        for (int r = 0; r < data.heads.groupSize(); ++r) {
            const auto row = maskedRow(data, data.heads.firstQueryHead(kvHead) + r, step, next);
            for (std::size_t key = 0; key < row.size(); ++key)
                previous[static_cast<std::size_t>(r)][key] += row[key];
        }
    }
}

} // namespace

TEST_CASE("online H2O follows the paper's policy one eviction at a time", "[unit]")
{
    for (const std::uint64_t seed : {1, 2, 3})
        for (const std::int64_t capacity : {1, 2, 7, 20, 39}) {
            const auto capture = captureOf(seed);
            const core::LayerData& data = capture.layer(0);
            for (const auto& [heavy, text] : {std::pair{0.5, "0.5"}, {0.0, "0"}, {1.0, "1"}, {0.25, "0.25"}}) {
                CAPTURE(seed, capacity, heavy);
                const LayerPlan plan = planOf(std::string("h2o_online:heavy=") + text, capture, capacity);
                const auto hh = static_cast<std::int64_t>(std::floor(heavy * static_cast<double>(capacity)));
                for (int kvHead = 0; kvHead < 2; ++kvHead)
                    requireSame(plan, data, kvHead, simulateH2o(data, kvHead, hh, capacity - hh));
                CHECK(plan.facts.at("heavy") == hh);
                CHECK(plan.facts.at("recent") == capacity - hh);
            }
        }
}

TEST_CASE("compat=hf is the reference loop with its masks of T + 1 keys", "[unit]")
{
    for (const std::uint64_t seed : {4, 5})
        for (const std::int64_t capacity : {2, 3, 8, 21, 39}) {
            CAPTURE(seed, capacity);
            const auto capture = captureOf(seed);
            const core::LayerData& data = capture.layer(0);
            const LayerPlan plan = planOf("h2o_online:hf", capture, capacity);
            for (int kvHead = 0; kvHead < 2; ++kvHead)
                requireSame(plan, data, kvHead, simulateHf(data, kvHead, capacity / 2, capacity / 2));
        }
}

TEST_CASE("under compat=hf the key that leaves the window is hidden from one query and then competes", "[unit]")
{
    auto capture = captureOf(6, 30, 12);
    core::LayerData& data = capture.mutableLayer(0);
    const std::int64_t recent = 5; // of a capacity of 10
    // Key 31 draws nearly all attention of the queries after it: it must be among the heavy hitters as soon as it may.
    for (int head = 0; head < data.heads.queryHeads(); ++head)
        for (std::int64_t step = 1; step < data.t; ++step) {
            float* const row = data.decodeRows.data() + (head * data.t + step) * data.total();
            std::fill_n(row, data.n + step + 1, 0.001f);
            row[31] = 1.0f;
        }
    const LayerPlan plan = planOf("h2o_online:hf", capture, 10);
    const LayerPlan clean = planOf("h2o_online", capture, 10);
    for (std::int64_t query = 32; query < data.total(); ++query) {
        CAPTURE(query);
        CHECK(sees(plan, data, query - data.n, 31) == (query != 31 + recent));
        CHECK(sees(clean, data, query - data.n, 31));
    }
}

TEST_CASE("under compat=hf evicted keys come back only when positive scores run out", "[unit]")
{
    auto capture = captureOf(7, 30, 6);
    core::LayerData& data = capture.mutableLayer(0);
    // The prompt paid attention to token 3 alone, and every decode query attends to itself alone.
    std::fill(data.received.begin(), data.received.end(), 0.0f);
    std::fill(data.decodeRows.begin(), data.decodeRows.end(), 0.0f);
    for (int head = 0; head < data.heads.queryHeads(); ++head) {
        data.received[static_cast<std::size_t>(head * data.total() + 3)] = 30.0f;
        for (std::int64_t step = 0; step < data.t; ++step)
            data.decodeRows[static_cast<std::size_t>((head * data.t + step) * data.total() + data.n + step)] = 1.0f;
    }
    const LayerPlan plan = planOf("h2o_online:hf", capture, 6); // 3 heavy, 3 recent
    CHECK(plan.kept[0] == Positions{0, 1, 3, 28, 29});
    // Token 30 enters the candidates with its score when the query is at 34: token 1, of score 0, has to go.
    CHECK(sees(plan, data, 3, 1));
    CHECK_FALSE(sees(plan, data, 4, 1));
    CHECK(sees(plan, data, 4, 30));
    // With plenty of positive scores none comes back.
    const auto usual = captureOf(8, 30, 20);
    const LayerPlan other = planOf("h2o_online:hf", usual, 10);
    const core::LayerData& layer = usual.layer(0);
    for (std::int64_t step = 1; step < layer.t; ++step)
        for (std::int64_t key = 0; key < layer.n + step - 6; ++key)
            REQUIRE((!sees(other, layer, step, key) || sees(other, layer, step - 1, key)));
}

TEST_CASE("the likelihood variant of H2O takes columns of all queries and a band", "[unit]")
{
    const auto capture = captureOf(9);
    const core::LayerData& data = capture.layer(0);
    for (const std::int64_t capacity : {1, 6, 15, 39}) {
        CAPTURE(capacity);
        const LayerPlan plan = planOf("h2o_online:lm_eval", capture, capacity);
        const std::int64_t heavy = capacity / 2, recent = capacity / 2;
        for (int kvHead = 0; kvHead < 2; ++kvHead) {
            std::vector<double> columns(static_cast<std::size_t>(data.total()), 0.0);
            for (int r = 0; r < 3; ++r)
                for (std::int64_t query = 0; query < data.total(); ++query)
                    for (std::int64_t key = 0; key <= query; ++key)
                        columns[static_cast<std::size_t>(key)] +=
                            query >= data.n
                                ? data.decodeRow(3 * kvHead + r, query - data.n)[key]
                                : capture.fullMap(0)[static_cast<std::size_t>(
                                      ((3 * kvHead + r) * data.n + query) * data.n + key)];
            Simulated expected{Mask(static_cast<std::size_t>(data.n), 0), {}};
            const Positions best = sortedBest(columns, data.total(), heavy);
            for (std::int64_t query = data.n; query < data.total(); ++query)
                for (std::int64_t key = 0; key < data.total(); ++key) {
                    const bool column = std::find(best.begin(), best.end(), key) != best.end();
                    const bool visible = key <= query && (column || query - key <= recent);
                    expected.steps.push_back(visible);
                    if (query == data.n && key < data.n)
                        expected.kept[static_cast<std::size_t>(key)] = visible;
                }
            requireSame(plan, data, kvHead, expected);
        }
    }
}
