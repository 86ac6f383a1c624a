// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Quantization, and KIVI against a cache that is run step by step.
#include "compress/quantise.hpp"
#include "core/error.hpp"
#include "core/half.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/layer_input.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <random>

using namespace kvviz;
using namespace kvviz::compress;
using Catch::Matchers::Contains;

namespace {

std::vector<float> normals(std::size_t count, unsigned seed, float scale = 1.0f)
{
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0f, scale);
    std::vector<float> values(count);
    std::generate(values.begin(), values.end(), [&] { return normal(random); });
    return values;
}

double halfOf(double value) { return core::halfToFloat(core::floatToHalf(static_cast<float>(value))); }

/// The rule written the slow way: tries every level and takes the nearest, the even one of two.
std::vector<double> slowQuantise(const std::vector<double>& group, int bits)
{
    const double least = *std::min_element(group.begin(), group.end());
    const double most = *std::max_element(group.begin(), group.end());
    const int levels = (1 << bits) - 1;
    const double scale = halfOf((most - least) / levels), origin = halfOf(least);
    std::vector<double> result;
    for (const double value : group) {
        int best = 0;
        for (int code = 1; code <= levels && scale > 0; ++code) {
            const double now = std::abs(value - (origin + best * scale));
            const double then = std::abs(value - (origin + code * scale));
            if (then < now || (then == now && code % 2 == 0))
                best = code;
        }
        result.push_back(origin + best * scale);
    }
    return result;
}

/// A KIVI cache of one head as its code runs it: quantized part, residual, one token at a time.
struct SteppedCache {
    int bits, group, residual, valueGroup;
    std::map<std::int32_t, std::vector<double>> key, value; ///< as stored now, by token
    std::deque<std::int32_t> keyRest, valueRest;            ///< still exact

    void quantiseKeys(const std::vector<std::int32_t>& tokens)
    {
        for (std::size_t first = 0; first < tokens.size(); first += static_cast<std::size_t>(group))
            for (std::size_t c = 0; c < key[tokens[0]].size(); ++c) {
                std::vector<double> column;
                for (int i = 0; i < group; ++i)
                    column.push_back(key[tokens[first + static_cast<std::size_t>(i)]][c]);
                column = slowQuantise(column, bits);
                for (int i = 0; i < group; ++i)
                    key[tokens[first + static_cast<std::size_t>(i)]][c] = column[static_cast<std::size_t>(i)];
            }
    }
    void quantiseValue(std::int32_t token)
    {
        std::vector<double> row;
        for (std::size_t first = 0; first < value[token].size(); first += static_cast<std::size_t>(valueGroup)) {
            const auto begin = value[token].begin() + static_cast<std::ptrdiff_t>(first);
            const auto part = slowQuantise({begin, begin + valueGroup}, bits);
            row.insert(row.end(), part.begin(), part.end());
        }
        value[token] = row;
    }
    void prefill(const std::vector<std::int32_t>& tokens)
    {
        const std::size_t length = tokens.size(), rest = length % static_cast<std::size_t>(residual);
        quantiseKeys({tokens.begin(), tokens.end() - static_cast<std::ptrdiff_t>(rest)});
        keyRest.assign(tokens.end() - static_cast<std::ptrdiff_t>(rest), tokens.end());
        for (const std::int32_t token : tokens) {
            valueRest.push_back(token);
            if (std::ssize(valueRest) > residual) {
                quantiseValue(valueRest.front());
                valueRest.pop_front();
            }
        }
    }
    /// After the logits and the output of the step that added `token`.
    void afterStep()
    {
        if (std::ssize(keyRest) == residual) {
            quantiseKeys({keyRest.begin(), keyRest.end()});
            keyRest.clear();
        }
        if (std::ssize(valueRest) > residual) {
            quantiseValue(valueRest.front());
            valueRest.pop_front();
        }
    }
};

std::vector<double> captured(const std::vector<float>& tensor, const core::LayerData& data, std::int64_t kvHead,
                             std::int64_t token)
{
    const auto first = tensor.begin() + (kvHead * data.total() + token) * data.headDim;
    return {first, first + data.headDim};
}

double largestDifference(const std::vector<double>& a, std::span<const float> b)
{
    double most = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        most = std::max(most, std::abs(a[i] - b[i]));
    return most;
}

/// Every step of every head: what the plan shows against what a stepped cache holds.
void checkAgainstSteps(const core::LayerData& data, const LayerPlan& plan, int bits, int group, int residual)
{
    for (int g = 0; g < data.heads.kvHeads(); ++g) {
        SteppedCache cache{bits, group, residual, std::min(group, data.headDim), {}, {}, {}, {}};
        const auto& kept = plan.kept[static_cast<std::size_t>(g)];
        const auto add = [&](std::int32_t token) {
            cache.key[token] = captured(data.key, data, g, token);
            cache.value[token] = captured(data.value, data, g, token);
        };
        std::for_each(kept.begin(), kept.end(), add);
        cache.prefill(kept);
        for (std::int64_t step = 0; step < data.t; ++step) {
            const auto own = static_cast<std::int32_t>(data.n + step);
            add(own);
            cache.keyRest.push_back(own);
            cache.valueRest.push_back(own);
            for (const auto& [token, key] : cache.key) {
                INFO("head " << g << ", step " << step << ", token " << token);
                REQUIRE(largestDifference(key, test::seenKey(data, plan, g, token, step)) < 1e-5);
                REQUIRE(largestDifference(cache.value[token], test::seenValue(data, plan, g, token, step)) < 1e-5);
            }
            cache.afterStep();
        }
    }
}

} // namespace

TEST_CASE("a quantized value is half a step off at most, besides the rounding of scale and minimum", "[unit]")
{
    for (const int bits : {1, 2, 4, 8})
        for (const float magnitude : {1e-3f, 1.0f, 300.0f}) {
            CAPTURE(bits, magnitude);
            const std::vector<float> before = normals(96, 7, magnitude);
            std::vector<float> after = before;
            quantiseChannels(after, 32, bits);
            for (std::size_t first = 0; first < before.size(); first += 32) {
                const auto part = std::span(before).subspan(first, 32);
                const auto [least, most] = std::minmax_element(part.begin(), part.end());
                const GroupScale group = groupScale(*least, *most, bits);
                const double levels = std::pow(2.0, bits) - 1;
                const double rounding = std::abs(group.minimum - *least)
                                        + levels * std::abs(group.scale - (*most - *least) / levels);
                for (std::size_t i = first; i < first + 32; ++i)
                    CHECK(std::abs(after[i] - before[i]) <= group.scale / 2 + rounding + 1e-6 * magnitude);
            }
        }
}

TEST_CASE("quantization agrees with trying every level, along channels and along tokens", "[unit]")
{
    for (const int bits : {2, 4}) {
        const std::vector<float> rows = normals(16 * 8, 3);
        std::vector<float> byToken = rows, byChannel = rows;
        quantiseChannels(byChannel, 4, bits);
        std::vector<float*> pointers;
        for (std::size_t row = 0; row < 16; ++row)
            pointers.push_back(byToken.data() + row * 8);
        quantiseTokens(pointers, 8, bits);
        for (std::size_t first = 0; first < rows.size(); first += 4)
            CHECK(largestDifference(slowQuantise({rows.begin() + static_cast<std::ptrdiff_t>(first),
                                                  rows.begin() + static_cast<std::ptrdiff_t>(first + 4)},
                                                 bits),
                                    std::span(byChannel).subspan(first, 4))
                  < 1e-6);
        for (std::size_t channel = 0; channel < 8; ++channel) {
            std::vector<double> column;
            std::vector<float> found;
            for (std::size_t row = 0; row < 16; ++row) {
                column.push_back(rows[row * 8 + channel]);
                found.push_back(byToken[row * 8 + channel]);
            }
            CHECK(largestDifference(slowQuantise(column, bits), found) < 1e-6);
        }
    }
}

TEST_CASE("constant groups, ties and values beyond half precision come back sensibly", "[unit]")
{
    std::vector<float> constant(8, 0.5f);
    quantiseChannels(constant, 8, 2);
    CHECK(constant == std::vector<float>(8, 0.5f));
    std::vector<float> ties{0.0f, 0.5f, 1.5f, 2.5f, 3.0f}; // scale 1: half-way cases go to the even code
    quantiseChannels(ties, 5, 2);
    CHECK(ties == std::vector<float>{0.0f, 0.0f, 2.0f, 2.0f, 3.0f});
    std::vector<float> huge{-1e6f, 0.0f, 1e6f};
    quantiseChannels(huge, 3, 2);
    CHECK(std::all_of(huge.begin(), huge.end(), [](float value) { return std::isfinite(value); }));
    CHECK(throughCode(9.0f, {1.0f, 2.0f}, 2) == 7.0f); // the end of the range
    CHECK(quantisedBytes(2, 32) == Approx(0.375));     // 5.33 times less than 2 bytes
}

TEST_CASE("KIVI shows each decode step what a cache run step by step holds", "[unit]")
{
    struct Case {
        std::int64_t n, t;
        int bits, group, residual;
    };
    const auto test = GENERATE(Case{70, 21, 2, 4, 8}, Case{64, 17, 4, 8, 8}, Case{63, 9, 2, 8, 16},
                               Case{7, 20, 2, 2, 8}, Case{8, 9, 2, 2, 8}, Case{1, 12, 4, 1, 4},
                               Case{40, 5, 2, 32, 32}, Case{24, 3, 8, 4, 24});
    CAPTURE(test.n, test.t, test.bits, test.group, test.residual);
    const test::SyntheticCapture capture({.layers = 1, .n = test.n, .t = test.t, .headDim = 8});
    const auto method = makeMethod("kivi:bits=" + std::to_string(test.bits) + ",group=" + std::to_string(test.group)
                                   + ",residual=" + std::to_string(test.residual));
    const LayerPlan plan = method->plan(test::inputOf(capture, 0), {1.0, {}});
    REQUIRE(plan.kept[0].size() == static_cast<std::size_t>(test.n));
    checkAgainstSteps(capture.layer(0), plan, test.bits, test.group, test.residual);
    CHECK((std::count(plan.flags.begin(), plan.flags.end(), "group_exceeds_head") == 1) == (test.group > 8));
}

TEST_CASE("KIVI behind an eviction quantizes what that keeps, in the order of its cache", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .n = 61, .t = 19, .headDim = 8});
    const LayerInput input = test::inputOf(capture, 0);
    for (const char* eviction : {"snapkv:window=4", "h2o", "random", "shotkv:frame=keep_free"}) {
        CAPTURE(eviction);
        const LayerPlan base = makeMethod(eviction)->plan(input, {0.5, {}});
        const LayerPlan plan =
            makeMethod(std::string(eviction) + "+kivi:bits=2,group=4,residual=8")->plan(input, {0.5, {}});
        CHECK(plan.kept == base.kept);
        CHECK(plan.keptDecode == base.keptDecode);
        checkAgainstSteps(input.data, plan, 2, 4, 8);
        const bool counts = std::count(plan.flags.begin(), plan.flags.end(), "residual_counts_all_generated") == 1;
        CHECK(counts == !base.keptDecode.empty());
        for (std::int64_t token = 0; token < input.data.n; ++token) // dropped tokens are not touched
            if (!std::binary_search(base.kept[1].begin(), base.kept[1].end(), token) && plan.changed)
                CHECK(plan.changed->keyFrom[static_cast<std::size_t>(input.data.total() + token)] == input.data.t);
    }
}

TEST_CASE("bytes of KIVI follow the residual rules", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .heads = 4, .kvHeads = 2, .n = 70, .t = 5, .headDim = 8});
    const LayerInput input = test::inputOf(capture, 0);
    // Keys: 64 of 70 in groups of 16, values: 54 of 70 in groups of 8; the rest at 2 bytes.
    const double expected = 2 * 8 * (64 * (0.25 + 0.25) + 6 * 2 + 54 * (0.25 + 0.5) + 16 * 2);
    CHECK(*makeMethod("kivi:group=16,residual=16")->plan(input, {1.0, {}}).bytes == Approx(expected));
    // Nothing is quantized below the residual length.
    const LayerPlan whole = makeMethod("kivi")->plan(input, {1.0, {}});
    CHECK(*whole.bytes == Approx(4.0 * 8 * 2 * 70));
    CHECK_FALSE(whole.changed);
    // Behind an eviction only what it keeps counts.
    const LayerPlan composed = makeMethod("random+kivi:group=8,residual=8")->plan(input, {1.0, 20});
    CHECK(*composed.bytes == Approx(2 * 8 * (16 * (0.25 + 0.5) + 4 * 2 + 12 * (0.25 + 0.5) + 8 * 2)));
}

TEST_CASE("KIVI refuses groups that do not fit", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .headDim = 8});
    CHECK_THROWS_WITH(makeMethod("kivi:group=16,residual=24"), Contains("multiple"));
    const auto method = makeMethod("kivi:group=3,residual=6");
    CHECK_THROWS_WITH(method->plan(test::inputOf(capture, 0), {1.0, {}}), Contains("do not divide"));
    CHECK_THAT(method->obstacle(capture.info(), nullptr), Contains("do not divide a head of 8"));
    CHECK(makeMethod("kivi")->obstacle(capture.info(), nullptr).empty());
    CHECK(makeMethod("kivi")->budgetUse() == BudgetUse::fixed);
    CHECK_THROWS_AS(makeMethod("kivi+snapkv"), core::Error);
}
