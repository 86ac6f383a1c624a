// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Projectors and ranks, and LoRC and CSKV built on them.
#include "compress/low_rank.hpp"
#include "compress/low_rank_cache.hpp"
#include "compress/memo.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/layer_input.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

using namespace kvviz;
using namespace kvviz::compress;
using Catch::Matchers::Contains;

namespace {

std::vector<float> normals(std::size_t count, unsigned seed)
{
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0f, 1.0f);
    std::vector<float> values(count);
    std::generate(values.begin(), values.end(), [&] { return normal(random); });
    return values;
}

double squaredDistance(std::span<const float> a, std::span<const float> b)
{
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += std::pow(static_cast<double>(a[i]) - b[i], 2);
    return sum;
}

/// Random orthonormal rows by Gram-Schmidt. [width, width]
std::vector<float> randomBasis(int width, unsigned seed)
{
    std::vector<float> rows = normals(static_cast<std::size_t>(width * width), seed);
    for (int i = 0; i < width; ++i) {
        float* const row = rows.data() + i * width;
        for (int pass = 0; pass < 2; ++pass)
            for (int j = 0; j < i; ++j) {
                const double along = std::inner_product(row, row + width, rows.data() + j * width, 0.0);
                for (int c = 0; c < width; ++c)
                    row[c] -= static_cast<float>(along * rows[static_cast<std::size_t>(j * width + c)]);
            }
        const double length = std::sqrt(std::inner_product(row, row + width, row, 0.0));
        for (int c = 0; c < width; ++c)
            row[c] = static_cast<float>(row[c] / length);
    }
    return rows;
}

/// A table of `layers` layers with the same random bases and these singular values.
core::ModelTables tableOf(int layers, int width, const std::vector<double>& conditions)
{
    core::WeightFactors weights;
    weights.layers = layers;
    weights.kvWidth = width;
    for (int layer = 0; layer < layers; ++layer) {
        for (auto* basis : {&weights.keyBasis, &weights.valueBasis}) {
            const auto rows = randomBasis(width, static_cast<unsigned>(layer + (basis == &weights.keyBasis ? 0 : 100)));
            basis->insert(basis->end(), rows.begin(), rows.end());
        }
        for (auto* singular : {&weights.keySingular, &weights.valueSingular})
            for (int i = 0; i < width; ++i)
                singular->push_back(std::pow(conditions[static_cast<std::size_t>(layer)],
                                             -static_cast<double>(i) / (width - 1)));
    }
    core::ModelTables tables;
    tables.weights = weights;
    return tables;
}

/// x -> sum_{i<rank} read_i (write_i . x) for one token, written out.
std::vector<double> mapped(const std::vector<double>& x, const float* read, const float* write, std::int64_t rank)
{
    std::vector<double> y(x.size(), 0.0);
    for (std::int64_t i = 0; i < rank; ++i) {
        double along = 0;
        for (std::size_t c = 0; c < x.size(); ++c)
            along += write[static_cast<std::size_t>(i) * x.size() + c] * x[c];
        for (std::size_t c = 0; c < x.size(); ++c)
            y[c] += along * read[static_cast<std::size_t>(i) * x.size() + c];
    }
    return y;
}

/// All KV heads of a token side by side, pairs of channels turned by `sign` times their angle.
std::vector<double> tokenRow(const core::LayerData& data, const std::vector<float>& tensor, std::int64_t token,
                             int sign)
{
    std::vector<double> row;
    for (std::int64_t g = 0; g < data.heads.kvHeads(); ++g) {
        const auto first = tensor.begin() + (g * data.total() + token) * data.headDim;
        std::vector<double> head(first, first + data.headDim);
        for (int i = 0; i < data.headDim / 2; ++i) {
            const double angle = sign * static_cast<double>(token) * std::pow(10000.0, -2.0 * i / data.headDim);
            const auto a = static_cast<std::size_t>(i), b = a + static_cast<std::size_t>(data.headDim / 2);
            const double x = head[a], y = head[b];
            head[a] = x * std::cos(angle) - y * std::sin(angle);
            head[b] = y * std::cos(angle) + x * std::sin(angle);
        }
        row.insert(row.end(), head.begin(), head.end());
    }
    return row;
}

double largestDifference(const std::vector<double>& a, const std::vector<double>& b)
{
    double most = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        most = std::max(most, std::abs(a[i] - b[i]));
    return most;
}

/// Every token's compressed key and value against the map written out.
void checkMapped(const core::LayerData& data, const ChangedCache& change, const core::WeightFactors& weights,
                 std::int64_t rank, bool scaled)
{
    const std::int64_t first = std::int64_t{data.layer} * weights.kvWidth * weights.kvWidth;
    const auto part = [first](const std::vector<float>& all) { return all.data() + first; };
    for (std::int64_t token = 0; token < data.total(); ++token) {
        const auto key = mapped(tokenRow(data, data.key, token, -1), part(scaled ? weights.keyRead : weights.keyBasis),
                                part(scaled ? weights.keyWrite : weights.keyBasis), rank);
        REQUIRE(largestDifference(key, tokenRow(data, change.key, token, -1)) < 1e-4);
        const auto value =
            mapped(tokenRow(data, data.value, token, 0), part(scaled ? weights.valueRead : weights.valueBasis),
                   part(scaled ? weights.valueWrite : weights.valueBasis), rank);
        REQUIRE(largestDifference(value, tokenRow(data, change.value, token, 0)) < 1e-4);
    }
}

} // namespace

TEST_CASE("principal directions are orthonormal and carry the energy they say", "[unit]")
{
    const int width = 12;
    const std::vector<float> rows = normals(40 * 12, 5);
    const Basis basis = principalBasis(rows, width);
    CHECK(std::is_sorted(basis.energy.rbegin(), basis.energy.rend()));
    for (int i = 0; i < width; ++i) {
        const float* const direction = basis.directions.data() + i * width;
        for (int j = 0; j <= i; ++j)
            CHECK(std::inner_product(direction, direction + width, basis.directions.data() + j * width, 0.0)
                  == Approx(i == j ? 1 : 0).margin(1e-5));
        double energy = 0;
        for (auto row = rows.begin(); row != rows.end(); row += width)
            energy += std::pow(std::inner_product(direction, direction + width, row, 0.0), 2);
        CHECK(basis.energy[static_cast<std::size_t>(i)] == Approx(energy).epsilon(1e-4));
    }
}

TEST_CASE("projecting twice is projecting once, and loses the energy of the directions left out", "[unit]")
{
    const int width = 12;
    const std::vector<float> rows = normals(40 * 12, 6);
    const Basis basis = principalBasis(rows, width);
    for (const std::int64_t rank : {1, 5, 11, 12}) {
        CAPTURE(rank);
        const auto once = throughLowRank(rows, width, basis.directions, basis.directions, rank);
        const auto twice = throughLowRank(once, width, basis.directions, basis.directions, rank);
        CHECK(squaredDistance(once, twice) < 1e-8);
        const double lost = std::accumulate(basis.energy.begin() + rank, basis.energy.end(), 0.0);
        CHECK(squaredDistance(rows, once) == Approx(lost).epsilon(1e-4).margin(1e-6));
        for (unsigned seed = 0; seed < 20; ++seed) { // Eckart and Young
            const std::vector<float> other = randomBasis(width, seed);
            CHECK(squaredDistance(rows, throughLowRank(rows, width, other, other, rank)) >= lost * (1 - 1e-5) - 1e-6);
        }
    }
}

TEST_CASE("fewer rows than channels span no more directions than there are rows", "[unit]")
{
    const std::vector<float> rows = normals(3 * 8, 8);
    const Basis basis = principalBasis(rows, 8);
    CHECK(basis.energy[3] == Approx(0).margin(1e-6));
    CHECK(squaredDistance(rows, throughLowRank(rows, 8, basis.directions, basis.directions, 3)) < 1e-9);
    CHECK(std::all_of(basis.directions.begin(), basis.directions.end(), [](float x) { return std::isfinite(x); }));
}

TEST_CASE("progressive ranks fall with depth, keep the mean and stay inside the width", "[unit]")
{
    const std::vector<double> three{2, 1, 0};
    CHECK(progressiveRanks(three, 10, 0.5, 100) == std::vector<std::int64_t>{15, 10, 5});
    CHECK(progressiveRanks(three, 10, 1.0, 100) == std::vector<std::int64_t>{10, 10, 10});
    CHECK(progressiveRanks(three, 10, 0.0, 12) == std::vector<std::int64_t>{12, 10, 8}); // the largest meets the width
    CHECK(progressiveRanks(std::vector<double>{4, 4, 4}, 7, 0.1, 9) == std::vector<std::int64_t>{7, 7, 7});
    CHECK(progressiveRanks(std::vector<double>{0}, 7.9, 0.1, 9) == std::vector<std::int64_t>{7});
    std::mt19937 random(3);
    for (int round = 0; round < 200; ++round) {
        std::vector<double> conditions(1 + random() % 40);
        double sum = 0;
        for (auto value = conditions.rbegin(); value != conditions.rend(); ++value)
            *value = sum += static_cast<double>(random() % 1000) / 100;
        const auto width = static_cast<std::int64_t>(1 + random() % 300);
        const double mean = 1 + (static_cast<double>(width) - 1) * static_cast<double>(random() % 1001) / 1000;
        const auto ranks = progressiveRanks(conditions, mean, static_cast<double>(random() % 11) / 10, width);
        CAPTURE(conditions.size(), width, mean);
        CHECK(std::is_sorted(ranks.rbegin(), ranks.rend()));
        CHECK((ranks.front() <= width && ranks.back() >= 1));
        CHECK(std::accumulate(ranks.begin(), ranks.end(), std::int64_t{0})
              == static_cast<std::int64_t>(std::floor(mean * static_cast<double>(ranks.size()) + 1e-6)));
    }
}

TEST_CASE("rows of tokens turn back into heads", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .heads = 6, .kvHeads = 3, .n = 300, .t = 4, .headDim = 6});
    const core::LayerData& data = capture.layer(0);
    const core::Rotary rotary(capture.info().model, 0);
    const std::vector<float> rows = rowsOfHeads(data, data.key, &rotary);
    CHECK(squaredDistance(headsOfRows(data, rows, &rotary), data.key) < 1e-8);
    const auto expected = tokenRow(data, data.key, 217, -1);
    for (std::size_t c = 0; c < 18; ++c)
        CHECK(rows[217 * 18 + c] == Approx(expected[c]).margin(1e-5));
    CHECK(headsOfRows(data, rowsOfHeads(data, data.value, nullptr), nullptr) == data.value);
}

TEST_CASE("LoRC with a table projects keys before RoPE and values on the directions of the weights", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 3, .heads = 4, .kvHeads = 2, .n = 50, .t = 4, .headDim = 6});
    const core::ModelTables tables = tableOf(3, 12, {100, 30, 10});
    std::vector<double> ranks;
    for (int slot = 0; slot < 3; ++slot) {
        LayerInput input = test::inputOf(capture, slot);
        input.tables = &tables;
        const LayerPlan plan = makeMethod("lorc:rank=6")->plan(input, {1.0, {}});
        const auto rank = static_cast<std::int64_t>(plan.facts.at("rank"));
        ranks.push_back(plan.facts.at("rank"));
        checkMapped(input.data, *plan.changed, *tables.weights, rank, false);
        CHECK(*plan.bytes == Approx(50.0 * static_cast<double>(rank) * 4));
        CHECK(plan.flags.empty());
        CHECK(*std::max_element(plan.changed->keyFrom.begin(), plan.changed->keyFrom.end()) == 0);
        CHECK(makeMethod("lorc:uniform,rank=6")->plan(input, {1.0, {}}).facts.at("rank") == 6);
    }
    // ln k: (100 30 10)^2, (30 10)^2, 10^2; depth 0, 0.575, 1; d_min 3 and the mean 6 give d_max 9.3
    CHECK(ranks == std::vector<double>{10, 5, 3});
}

TEST_CASE("LoRC reproduces keys that weights of its rank made", "[unit]")
{
    test::SyntheticCapture capture({.layers = 1, .heads = 2, .kvHeads = 2, .n = 40, .t = 3, .headDim = 6});
    core::LayerData& data = capture.mutableLayer(0);
    const core::Rotary rotary(capture.info().model, 0);
    const std::vector<float> weights = normals(12 * 5, 4); // five inputs, so K~ has rank 5
    std::vector<float> rows(static_cast<std::size_t>(data.total() * 12), 0.0f);
    const std::vector<float> hidden = normals(static_cast<std::size_t>(data.total() * 5), 9);
    for (std::size_t token = 0; token < static_cast<std::size_t>(data.total()); ++token)
        for (std::size_t c = 0; c < 12; ++c)
            for (std::size_t i = 0; i < 5; ++i)
                rows[token * 12 + c] += weights[i * 12 + c] * hidden[token * 5 + i];
    data.key = headsOfRows(data, rows, &rotary);
    core::ModelTables tables = tableOf(1, 12, {10});
    tables.weights->keyBasis = principalBasis(weights, 12).directions;
    LayerInput input = test::inputOf(capture, 0);
    input.tables = &tables;
    CHECK(squaredDistance(makeMethod("lorc:rank=5")->plan(input, {1.0, {}}).changed->key, data.key) < 1e-7);
    CHECK(squaredDistance(makeMethod("lorc:rank=4")->plan(input, {1.0, {}}).changed->key, data.key) > 1);
}

TEST_CASE("LoRC without a table is a bound that looks at the prompt alone, and says so", "[unit]")
{
    test::SyntheticCapture capture({.layers = 1, .heads = 4, .kvHeads = 2, .n = 60, .t = 4, .headDim = 6});
    LayerInput input = test::inputOf(capture, 0);
    const core::ModelTables tables = tableOf(1, 12, {10});
    LayerMemo memo;
    double before = 1e300;
    for (const double ratio : {0.1, 0.25, 0.5, 0.9}) {
        CAPTURE(ratio);
        input.tables = nullptr;
        input.memo = &memo; // budgets share the basis
        const LayerPlan plan = makeMethod("lorc")->plan(input, {ratio, {}});
        CHECK(plan.flags == std::vector<std::string>{"data_optimal_bound"});
        CHECK(*plan.bytes <= ratio * 4 * 60 * 12 + 1e-9);
        const auto promptError = [&](const LayerPlan& some) {
            double error = 0;
            for (std::size_t g = 0; g < 2; ++g)
                error += squaredDistance(std::span(some.changed->key).subspan(g * 64 * 6, 60 * 6),
                                         std::span(input.data.key).subspan(g * 64 * 6, 60 * 6));
            return error;
        };
        CHECK(promptError(plan) <= before);
        before = promptError(plan);
        input.memo = nullptr;
        CHECK(makeMethod("lorc")->plan(input, {ratio, {}}).changed->key == plan.changed->key);
        input.tables = &tables; // no projector of that rank does better on the prompt
        CHECK(promptError(makeMethod("lorc:uniform")->plan(input, {ratio, {}})) >= before);
    }
    input.tables = nullptr;
    const LayerPlan early = makeMethod("lorc")->plan(input, {0.5, {}});
    core::LayerData& data = capture.mutableLayer(0);
    std::fill_n(data.key.begin() + 60 * 6, 4 * 6, 100.0f); // generated keys of head 0
    const LayerPlan late = makeMethod("lorc")->plan(input, {0.5, {}});
    CHECK(std::equal(early.changed->key.begin(), early.changed->key.begin() + 60 * 6, late.changed->key.begin()));
    CHECK_FALSE(makeMethod("lorc")->plan(input, {1.0, {}}).changed);
    CHECK_FALSE(makeMethod("lorc")->plan(input, {0.5, 60}).changed);
}

TEST_CASE("CSKV keeps the newest tokens exact, sliding or by blocks", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .heads = 4, .kvHeads = 2, .n = 45, .t = 20, .headDim = 8});
    const LayerInput input = test::inputOf(capture, 0);
    const core::LayerData& data = input.data;
    for (const std::string mode : {"sliding", "block"}) {
        const LayerPlan plan = makeMethod("cskv:density=0.5,window=8,mode=" + mode)->plan(input, {1.0, {}});
        for (std::int64_t step = 0; step < data.t; ++step)
            for (std::int64_t token = 0; token <= data.n + step; ++token) {
                const std::int64_t others = data.n + step; // tokens before the query's own
                const bool exact = mode == "sliding" ? token > others - 8 : token >= others / 8 * 8;
                CAPTURE(mode, step, token);
                for (int g = 0; g < 2; ++g) {
                    CHECK(std::ranges::equal(test::seenKey(data, plan, g, token, step),
                                             test::seenKey(data, {}, g, token, step))
                          == exact);
                    CHECK(std::ranges::equal(test::seenValue(data, plan, g, token, step),
                                             test::seenValue(data, {}, g, token, step))
                          == exact);
                }
            }
        CHECK(*plan.bytes == Approx(2 * 45 * (8 + 8) + 4.0 * (mode == "sliding" ? 8 : 5) * 16));
        CHECK(plan.flags == std::vector<std::string>{"data_optimal_bound"});
    }
}

TEST_CASE("CSKV takes its ranks from densities or from the budget", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .heads = 4, .kvHeads = 2, .n = 45, .t = 20, .headDim = 8});
    const LayerInput input = test::inputOf(capture, 0);
    const auto ranks = [&](const std::string& specification, double ratio) {
        const LayerPlan plan = makeMethod(specification)->plan(input, {ratio, {}});
        return std::pair(plan.facts.at("rank_key"), plan.facts.at("rank_value"));
    };
    CHECK(ranks("cskv", 0.3) == std::pair(4.0, 4.0)); // floor(0.3 * 8) * 2
    CHECK(ranks("cskv:trainer", 0.3) == std::pair(4.0, 12.0));
    CHECK(ranks("cskv:density_k=0.25", 0.5) == std::pair(4.0, 8.0));
    CHECK(ranks("cskv:density=0.5,density_v=ratio", 0.9) == std::pair(8.0, 14.0));
    CHECK(ranks("cskv", 0.01) == std::pair(2.0, 2.0));
    CHECK(makeMethod("cskv")->plan(input, {0.01, {}}).flags
          == std::vector<std::string>{"rank_raised_to_one", "data_optimal_bound"});
    CHECK(makeMethod("cskv")->budgetUse() == BudgetUse::follows);
    CHECK(makeMethod("cskv:readme")->budgetUse() == BudgetUse::fixed);
    CHECK(makeMethod("cskv:density_k=0.25")->budgetUse() == BudgetUse::follows);
    const LayerPlan keysWhole = makeMethod("cskv:density_k=1,density_v=0.5")->plan(input, {1.0, {}});
    CHECK(keysWhole.changed->key.empty());
    CHECK_FALSE(keysWhole.changed->value.empty());
    CHECK_THROWS_WITH(makeMethod("cskv:mode=block,window=0"), Contains("at least 1"));
}

TEST_CASE("CSKV uses the maps of a table, scaled or not, and asks for them", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 2, .heads = 4, .kvHeads = 2, .n = 40, .t = 4, .headDim = 6});
    core::ModelTables tables = tableOf(2, 12, {10, 20});
    LayerInput input = test::inputOf(capture, 1);
    input.tables = &tables;
    const auto svd = makeMethod("cskv:density=0.5,window=0");
    checkMapped(input.data, *svd->plan(input, {1.0, {}}).changed, *tables.weights, 6, false);
    const auto scaled = makeMethod("cskv:density=0.5,window=0,init=asvd");
    CHECK_THAT(scaled->obstacle(capture.info(), &tables), Contains("scaled by activations"));
    CHECK_THAT(scaled->obstacle(capture.info(), nullptr), Contains("table"));
    CHECK_THROWS_AS(scaled->plan(input, {1.0, {}}), core::Error);
    for (auto* part : {&tables.weights->keyRead, &tables.weights->keyWrite, &tables.weights->valueRead,
                       &tables.weights->valueWrite})
        *part = normals(2 * 12 * 12, static_cast<unsigned>(part - &tables.weights->keyRead) + 50);
    CHECK(scaled->obstacle(capture.info(), &tables).empty());
    checkMapped(input.data, *scaled->plan(input, {1.0, {}}).changed, *tables.weights, 6, true);
}

TEST_CASE("low-rank methods refuse what they cannot project", "[unit]")
{
    test::SyntheticCapture capture({.layers = 1, .heads = 4, .kvHeads = 2, .n = 40, .t = 4, .headDim = 6});
    for (const char* specification : {"lorc", "cskv"}) {
        CAPTURE(specification);
        const auto method = makeMethod(specification);
        LayerInput input = test::inputOf(capture, 0);
        CHECK(method->obstacle(capture.info(), nullptr).empty());
        const core::ModelTables other = tableOf(1, 24, {10}); // a model with more KV heads, or a part of them captured
        input.tables = &other;
        CHECK_THAT(method->obstacle(capture.info(), &other), Contains("24 channels"));
        CHECK_THROWS_AS(method->plan(input, {0.5, {}}), core::Error);
        input.tables = nullptr;
        input.info = nullptr;
        CHECK_THROWS_WITH(method->plan(input, {0.5, {}}), Contains(specification));
        core::CaptureInfo stretched = capture.info();
        stretched.model.ropeScaling = "llama3";
        CHECK_THAT(method->obstacle(stretched, nullptr), Contains("rotary"));
    }
}
