// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// ThinK against its definition written out, channel by channel.
#include "tests/support/catch.hpp"
#include "tests/support/layer_input.hpp"

#include <algorithm>
#include <cmath>
#include <set>

using namespace kvviz;
using namespace kvviz::compress;

namespace {

/// The channels of lowest mean Q^2 (all heads of the group, last queries) times mean K^2 (kept keys).
std::set<int> lowestChannels(const core::LayerData& data, int kvHead, const std::vector<std::int32_t>& kept,
                             std::int64_t window, int count)
{
    std::vector<std::pair<double, int>> scores;
    for (int channel = 0; channel < data.headDim; ++channel) {
        double query = 0, key = 0;
        for (int head = 0; head < data.heads.queryHeads(); ++head)
            for (std::int64_t i = 1; i <= window && data.heads.kvHeadOf(head) == kvHead; ++i)
                query += std::pow(data.query[static_cast<std::size_t>(
                                      (head * (data.w + data.t) + data.w - i) * data.headDim + channel)],
                                  2);
        for (const std::int32_t token : kept)
            key += std::pow(
                data.key[static_cast<std::size_t>((kvHead * data.total() + token) * data.headDim + channel)], 2);
        scores.emplace_back(query * key, channel);
    }
    std::sort(scores.begin(), scores.end());
    std::set<int> lowest;
    for (int i = 0; i < count; ++i)
        lowest.insert(scores[static_cast<std::size_t>(i)].second);
    return lowest;
}

void checkPruned(const core::LayerData& data, const LayerPlan& plan, std::int64_t window, std::int64_t recent,
                 int count)
{
    for (int g = 0; g < data.heads.kvHeads(); ++g) {
        const auto& kept = plan.kept[static_cast<std::size_t>(g)];
        const std::set<int> lowest = lowestChannels(data, g, kept, window, count);
        for (std::int64_t i = 0; i < std::ssize(kept); ++i) {
            const auto seen = test::seenKey(data, plan, g, kept[static_cast<std::size_t>(i)], 0);
            for (int c = 0; c < data.headDim; ++c) {
                const float key = data.key[static_cast<std::size_t>(
                    (g * data.total() + kept[static_cast<std::size_t>(i)]) * data.headDim + c)];
                const bool zero = lowest.count(c) == 1 && i < std::ssize(kept) - recent;
                REQUIRE(seen[static_cast<std::size_t>(c)] == (zero ? 0.0f : key));
            }
        }
        for (std::int64_t token = data.n; token < data.total(); ++token) // generated keys keep all channels
            REQUIRE(std::ranges::equal(test::seenKey(data, plan, g, token, data.t - 1),
                                       test::seenKey(data, {}, g, token, 0)));
    }
}

} // namespace

TEST_CASE("ThinK drops the channels that add least, and of the newest keys none", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .heads = 6, .kvHeads = 2, .n = 90, .t = 4, .window = 40,
                                          .headDim = 10});
    const LayerInput input = test::inputOf(capture, 0);
    const LayerPlan plan = makeMethod("think")->plan(input, {1.0, {}});
    checkPruned(input.data, plan, 32, 32, 4);
    CHECK(plan.changed->value.empty());
    CHECK(plan.facts.at("pruned_channels") == 4);
    CHECK(*plan.bytes == Approx(2.0 * (90 * 10 * 4 - 2 * 4 * (90 - 32))));
    checkPruned(input.data, makeMethod("think:kvpress")->plan(input, {1.0, {}}), 32, 0, 4);
    checkPruned(input.data, makeMethod("think:ratio=0.7,window=3,recent=5")->plan(input, {1.0, {}}), 3, 5, 7);
    CHECK_FALSE(makeMethod("think:ratio=0")->plan(input, {1.0, {}}).changed);
    CHECK_FALSE(makeMethod("think:recent=90")->plan(input, {1.0, {}}).changed);
    CHECK(*makeMethod("think:recent=90")->plan(input, {1.0, {}}).bytes == Approx(2.0 * 90 * 10 * 4));
}

TEST_CASE("ThinK drops the channels that kvpress drops", "[unit]")
{
    // What kvpress 0.5.5 sets to zero for these keys [2, 50, 20] and queries [6, 32, 20] in float32.
    struct Case {
        const char* ratio;
        std::vector<std::set<int>> channels;
    };
    const auto expected = GENERATE(
        Case{"0.4", {{1, 4, 5, 12, 14, 15, 16, 19}, {1, 3, 4, 8, 10, 12, 13, 14}}},
        Case{"0.29", {{1, 5, 15, 16, 19}, {3, 8, 12, 13, 14}}},
        Case{"0.7",
             {{1, 3, 4, 5, 6, 8, 10, 12, 14, 15, 16, 17, 18, 19}, {1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 14, 15, 17}}});
    const auto series = [](std::int64_t count, std::int64_t factor, std::int64_t offset) {
        std::vector<float> values;
        for (std::int64_t i = 0; i < count; ++i) {
            const auto number = static_cast<double>((i * i * factor + i * 31 + offset) % 1009);
            values.push_back(static_cast<float>(number / 1009 - 0.5));
        }
        return values;
    };
    core::LayerData data;
    data.heads = core::HeadMap(6, 2);
    data.n = 50;
    data.w = 32;
    data.headDim = 20;
    data.t = 1;
    const std::vector<float> keys = series(2 * 50 * 20, 7, 13), queries = series(6 * 32 * 20, 11, 29);
    for (std::ptrdiff_t g = 0; g < 2; ++g) { // one generated token, which is not thinned
        data.key.insert(data.key.end(), keys.begin() + g * 1000, keys.begin() + (g + 1) * 1000);
        data.key.insert(data.key.end(), 20, 1.0f);
    }
    for (std::ptrdiff_t h = 0; h < 6; ++h) {
        data.query.insert(data.query.end(), queries.begin() + h * 640, queries.begin() + (h + 1) * 640);
        data.query.insert(data.query.end(), 20, 100.0f);
    }
    const auto method = makeMethod(std::string("think:kvpress,ratio=") + expected.ratio);
    const std::vector<core::Segment> none;
    const LayerPlan plan = method->plan({data, none}, {1.0, {}});
    for (int g = 0; g < 2; ++g)
        for (std::int64_t token = 0; token < 50; ++token)
            for (int c = 0; c < 20; ++c) {
                const float key = keys[static_cast<std::size_t>((g * 50 + token) * 20 + c)];
                const bool dropped = expected.channels[static_cast<std::size_t>(g)].count(c) == 1;
                REQUIRE(test::seenKey(data, plan, g, token, 0)[static_cast<std::size_t>(c)] == (dropped ? 0.0f : key));
            }
}

TEST_CASE("ThinK behind an eviction scores and thins the keys that are kept", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .n = 80, .t = 3, .window = 32, .headDim = 8});
    const LayerInput input = test::inputOf(capture, 0);
    const LayerPlan plan = makeMethod("snapkv:window=8+think:recent=6")->plan(input, {1.0, 30});
    CHECK(plan.kept == makeMethod("snapkv:window=8")->plan(input, {1.0, 30}).kept);
    checkPruned(input.data, plan, 32, 6, 3);
    CHECK(*plan.bytes == Approx(2.0 * (30 * 8 * 4 - 2 * 3 * 24)));
}

TEST_CASE("ThinK says when the capture holds fewer queries than it wants", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .n = 80, .t = 3, .window = 16, .headDim = 8});
    const LayerPlan plan = makeMethod("think")->plan(test::inputOf(capture, 0), {1.0, {}});
    CHECK(plan.flags == std::vector<std::string>{"window_clamped"});
    checkPruned(capture.layer(0), plan, 16, 32, 3);
    core::CaptureInfo without = capture.info();
    without.window = 0;
    CHECK_FALSE(makeMethod("think")->obstacle(without, nullptr).empty());
}
