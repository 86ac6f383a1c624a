// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Losses of plans that change keys, values or positions, against plain loops in double precision.
#include "compress/changed_metrics.hpp"
#include "compress/kept_sets.hpp"
#include "compress/kept_statistics.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <cmath>
#include <random>

using namespace kvviz;
using namespace kvviz::compress;

namespace {

const test::SyntheticCapture& capture()
{
    static const test::SyntheticCapture made(
        {.layers = 1, .heads = 4, .kvHeads = 2, .n = 40, .t = 7, .window = 8, .headDim = 8, .seed = 5});
    return made;
}

LayerPlan everything(const core::LayerData& data)
{
    LayerPlan plan;
    plan.kept.assign(static_cast<std::size_t>(data.heads.kvHeads()), positionRange(0, data.n));
    return plan;
}

/// Noise on every key and value, visible from a random step on; some never.
ChangedCache noisy(const core::LayerData& data, std::uint64_t seed)
{
    std::mt19937_64 random(seed);
    std::normal_distribution<float> noise(0.0f, 0.4f);
    std::uniform_int_distribution<std::int32_t> step(-1, static_cast<std::int32_t>(data.t));
    ChangedCache changed;
    changed.key = data.key;
    changed.value = data.value;
    for (auto* list : {&changed.key, &changed.value})
        for (float& value : *list)
            value += noise(random);
    for (auto* list : {&changed.keyFrom, &changed.valueFrom}) {
        list->resize(static_cast<std::size_t>(data.heads.kvHeads() * data.total()));
        std::generate(list->begin(), list->end(), [&] { return step(random); });
    }
    return changed;
}

/// A causal mask in which each query misses about a third of the keys.
std::vector<std::uint8_t> randomMask(const core::LayerData& data, std::uint64_t seed)
{
    std::mt19937_64 random(seed);
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(data.heads.kvHeads() * data.t * data.total()), 0);
    for (std::int64_t row = 0; row < data.heads.kvHeads() * data.t; ++row)
        for (std::int64_t key = 0; key <= data.n + row % data.t; ++key)
            mask[static_cast<std::size_t>(row * data.total() + key)] =
                key == data.n + row % data.t || random() % 3 != 0;
    return mask;
}

struct Expected {
    double shift = 0, shiftNonSink = 0, error = 0;
};

/// One query by the definitions, with the attention computed twice from queries and keys.
Expected expected(const core::LayerData& data, const LayerPlan& plan, int head, std::int64_t step, int sinks)
{
    const int group = data.heads.kvHeadOf(head), d = data.headDim;
    const ChangedCache& changed = *plan.changed;
    const core::Rotary rotary(10000.0, d);
    const auto at = [&](std::int64_t key) { return static_cast<std::size_t>((group * data.total() + key) * d); };
    const float* const query =
        data.query.data() + (head * (data.w + data.t) + data.w + step) * static_cast<std::int64_t>(d);
    const auto seen = [&](std::int64_t key) {
        if (!plan.keptDecode.empty())
            return plan.keptDecode[static_cast<std::size_t>((group * data.t + step) * data.total() + key)] != 0;
        const auto& kept = plan.kept[static_cast<std::size_t>(group)];
        return key >= data.n || std::binary_search(kept.begin(), kept.end(), static_cast<std::int32_t>(key));
    };
    std::vector<double> before, after;
    std::vector<double> outBefore(static_cast<std::size_t>(d), 0.0), outAfter = outBefore;
    double sumBefore = 0, sumAfter = 0;
    for (std::int64_t key = 0; key <= data.n + step; ++key) {
        const auto place = static_cast<std::size_t>(group * data.total() + key);
        std::vector<float> form(data.key.begin() + static_cast<std::ptrdiff_t>(at(key)),
                                data.key.begin() + static_cast<std::ptrdiff_t>(at(key)) + d);
        double dot = 0, dotChanged = 0;
        for (int i = 0; i < d; ++i)
            dot += static_cast<double>(query[i]) * form[static_cast<std::size_t>(i)];
        if (!changed.key.empty() && step >= changed.keyFrom[place])
            std::copy_n(changed.key.begin() + static_cast<std::ptrdiff_t>(at(key)), d, form.begin());
        if (!changed.shift.empty())
            rotary.rotate(form.data(), changed.shift[static_cast<std::size_t>(step * data.total() + key)]);
        for (int i = 0; i < d; ++i)
            dotChanged += static_cast<double>(query[i]) * form[static_cast<std::size_t>(i)];
        before.push_back(std::exp(dot / std::sqrt(d)));
        after.push_back(seen(key) ? std::exp(dotChanged / std::sqrt(d)) : 0.0);
        sumBefore += before.back();
        sumAfter += after.back();
    }
    double nonSinkBefore = 0, nonSinkAfter = 0;
    for (std::size_t key = static_cast<std::size_t>(sinks); key < before.size(); ++key) {
        nonSinkBefore += before[key];
        nonSinkAfter += after[key];
    }
    Expected result;
    for (std::size_t key = 0; key < before.size(); ++key) {
        result.shift += 0.5 * std::abs(before[key] / sumBefore - after[key] / sumAfter);
        if (key >= static_cast<std::size_t>(sinks))
            result.shiftNonSink += 0.5 * std::abs(before[key] / nonSinkBefore - after[key] / nonSinkAfter);
        const auto place = static_cast<std::size_t>(group * data.total()) + key;
        const bool compressed = !changed.value.empty() && step >= changed.valueFrom[place];
        for (int i = 0; i < d; ++i) {
            const std::size_t from = at(static_cast<std::int64_t>(key)) + static_cast<std::size_t>(i);
            outBefore[static_cast<std::size_t>(i)] += before[key] / sumBefore * data.value[from];
            outAfter[static_cast<std::size_t>(i)] +=
                after[key] / sumAfter * (compressed ? changed.value[from] : data.value[from]);
        }
    }
    double difference = 0, norm = 0;
    for (int i = 0; i < d; ++i) {
        difference += std::pow(outBefore[static_cast<std::size_t>(i)] - outAfter[static_cast<std::size_t>(i)], 2);
        norm += std::pow(outBefore[static_cast<std::size_t>(i)], 2);
    }
    result.error = std::sqrt(difference / norm);
    return result;
}

void compare(const LayerPlan& plan)
{
    const core::LayerData& data = capture().layer(0);
    const LayerInput input{.data = data, .segments = capture().info().segments, .info = &capture().info()};
    const LayerMetrics metrics = evaluate(input, plan, Depth::output, 4);
    for (int head = 0; head < data.heads.queryHeads(); ++head)
        for (std::int64_t step = 0; step < data.t; ++step) {
            const Expected want = expected(data, plan, head, step, 4);
            const auto at = static_cast<std::size_t>(head * data.t + step);
            CAPTURE(head, step);
            CHECK(metrics.lostMass[at] == Approx(want.shift).margin(2e-5));
            CHECK(metrics.lostNonSink[at] == Approx(want.shiftNonSink).margin(2e-5));
            CHECK(metrics.outputError[at] == Approx(want.error).epsilon(1e-4).margin(1e-5));
        }
}

} // namespace

TEST_CASE("a change that changes nothing loses exactly 0", "[unit]")
{
    const core::LayerData& data = capture().layer(0);
    LayerPlan plan = everything(data);
    ChangedCache same;
    same.key = data.key;
    same.value = data.value;
    same.keyFrom = same.valueFrom =
        std::vector<std::int32_t>(static_cast<std::size_t>(data.heads.kvHeads() * data.total()), 0);
    plan.changed = std::make_shared<const ChangedCache>(same);
    const LayerMetrics metrics = evaluate({data, capture().info().segments}, plan, Depth::output, 4);
    for (const auto* list : {&metrics.lostMass, &metrics.lostNonSink, &metrics.outputError})
        for (const float value : *list)
            REQUIRE(value == 0);
    const Reconstruction made = reconstruction(data, plan);
    CHECK(made.keyError == 0);
    CHECK(made.valueCosine == Approx(1));
}

TEST_CASE("changed keys and values lose what plain loops say", "[unit]")
{
    LayerPlan plan = everything(capture().layer(0));
    plan.changed = std::make_shared<const ChangedCache>(noisy(capture().layer(0), 3));
    compare(plan);
}

TEST_CASE("evicted and changed caches lose what plain loops say", "[unit]")
{
    const core::LayerData& data = capture().layer(0);
    LayerPlan plan = everything(data);
    plan.kept[0] = {0, 3, 4, 17, 39};
    plan.kept[1] = {1, 2, 30};
    plan.changed = std::make_shared<const ChangedCache>(noisy(data, 4));
    compare(plan);
    plan.keptDecode = randomMask(data, 9);
    compare(plan);
}

TEST_CASE("moved positions lose what plain loops say", "[unit]")
{
    const core::LayerData& data = capture().layer(0);
    LayerPlan plan = everything(data);
    plan.keptDecode = randomMask(data, 2);
    ChangedCache moved;
    moved.shift.assign(static_cast<std::size_t>(data.t * data.total()), 0);
    for (std::int64_t step = 0; step < data.t; ++step)
        for (std::int64_t key = 0; key < 4; ++key)
            moved.shift[static_cast<std::size_t>(step * data.total() + key)] = static_cast<std::int32_t>(20 + step);
    plan.changed = std::make_shared<const ChangedCache>(moved);
    compare(plan);
}

TEST_CASE("an eviction loses the same whether rows are renormalised or attention is computed again", "[unit]")
{
    const core::LayerData& data = capture().layer(0);
    const LayerInput input{data, capture().info().segments};
    LayerPlan plan = makeMethod("snapkv:window=8")->plan(input, {0.4, {}});
    const LayerMetrics renormalised = evaluate(input, plan, Depth::output, 4);
    plan.changed = std::make_shared<const ChangedCache>();
    const LayerMetrics again = evaluate(input, plan, Depth::output, 4);
    for (std::size_t i = 0; i < renormalised.lostMass.size(); ++i) {
        CHECK(again.lostMass[i] == Approx(renormalised.lostMass[i]).margin(1e-5));
        CHECK(again.lostNonSink[i] == Approx(renormalised.lostNonSink[i]).margin(1e-5));
        CHECK(again.outputError[i] == Approx(renormalised.outputError[i]).epsilon(1e-4).margin(1e-5));
    }
}

TEST_CASE("runs, overlap and intact segments of kept sets", "[unit]")
{
    std::vector<LayerPlan> plans(2);
    plans[0].kept = {{0, 1, 2, 5, 9, 10}};
    plans[1].kept = {{1, 2, 3, 5}};
    CHECK(jaccard(plans[0].kept[0], plans[1].kept[0]) == Approx(3.0 / 7));
    CHECK(jaccard({}, {}) == 1);
    CHECK(adjacentJaccard(plans) == Approx(3.0 / 7));
    CHECK(std::isnan(adjacentJaccard(std::span(plans).first(1))));
    const auto runs = runLengths(plans); // 3, 1, 2 and 3, 1
    CHECK(runs[0] == 2);
    CHECK(runs[1] == 3);
    CHECK(meanRun(plans) == Approx(10.0 / 5));
    const std::vector<core::Segment> segments{{core::SegmentKind::shot, 0, {0, 3}, ""},
                                              {core::SegmentKind::shot, 1, {5, 10}, ""},
                                              {core::SegmentKind::generated, 0, {20, 22}, ""}};
    CHECK(segmentIntact(segments, plans[0], 12)[0] == 1);
    CHECK(segmentIntact(segments, plans[0], 12)[1] == 0);
    CHECK(segmentSurvival(segments, plans[0], 12)[1] == Approx(0.4));
    CHECK(std::isnan(segmentIntact(segments, plans[0], 12)[2]));
}
