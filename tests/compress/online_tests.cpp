// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Methods that evict at each step against slow simulations of their papers and codes, written with whole arrays and
// flags in place of live sets.
#include "compress/kept_sets.hpp"
#include "compress/metrics.hpp"
#include "compress/online_steps.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace kvviz;
using namespace kvviz::compress;
using Positions = std::vector<std::int32_t>;
using Mask = std::vector<std::uint8_t>;

namespace {

test::SyntheticCapture captureOf(std::uint64_t seed, std::int64_t n = 40, std::int64_t t = 25)
{
    return test::SyntheticCapture({.layers = 1, .heads = 6, .kvHeads = 2, .n = n, .t = t, .window = 8, .seed = seed});
}

LayerPlan planOf(const std::string& method, const test::SyntheticCapture& capture, std::int64_t tokens)
{
    return makeMethod(method)->plan({capture.layer(0), capture.info().segments}, {1.0, tokens});
}

/// Attention of one query head on the keys marked in `visible`, as a masked softmax gives it. [T]
std::vector<double> maskedRow(const core::LayerData& data, int head, std::int64_t step, const Mask& visible)
{
    std::vector<double> row(static_cast<std::size_t>(data.total()), 0.0);
    double mass = 0;
    for (std::int64_t key = 0; key <= data.n + step; ++key)
        if (visible[static_cast<std::size_t>(key)])
            mass += row[static_cast<std::size_t>(key)] = data.decodeRow(head, step)[key];
    for (double& value : row)
        value /= mass;
    return row;
}

/// The k best of positions [0, end) by a full sort.
Positions sortedBest(const std::vector<double>& scores, std::int64_t end, std::int64_t k)
{
    Positions all(static_cast<std::size_t>(std::max<std::int64_t>(0, end)));
    std::iota(all.begin(), all.end(), 0);
    std::stable_sort(all.begin(), all.end(), [&](std::int32_t a, std::int32_t b) {
        return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
    });
    all.resize(std::min(all.size(), static_cast<std::size_t>(k)));
    return all;
}

struct Simulated {
    Mask kept;  // [n]
    Mask steps; // [t, T]
};

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

void requireSame(const LayerPlan& plan, const core::LayerData& data, int kvHead, const Simulated& expected)
{
    Mask kept(static_cast<std::size_t>(data.n), 0);
    for (const std::int32_t key : plan.kept[static_cast<std::size_t>(kvHead)])
        kept[static_cast<std::size_t>(key)] = 1;
    REQUIRE(kept == expected.kept);
    const auto block = data.t * data.total();
    REQUIRE(std::ssize(expected.steps) == block);
    REQUIRE(std::equal(expected.steps.begin(), expected.steps.end(), plan.keptDecode.begin() + kvHead * block));
}

bool sees(const LayerPlan& plan, const core::LayerData& data, std::int64_t step, std::int64_t key)
{
    return plan.keptDecode[static_cast<std::size_t>(step * data.total() + key)] != 0;
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
