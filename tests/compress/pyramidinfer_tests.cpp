// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// PyramidInfer: layer sizes as arithmetic, nested sets and batches of decoding against slow simulations.
#include "compress/method.hpp"
#include "compress/pyramidinfer_schedule.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

using namespace kvviz;
using namespace kvviz::compress;
using Positions = std::vector<std::int32_t>;

namespace {

/// Plans of all layers with the survey, as a replay makes them.
std::vector<LayerPlan> planLayers(const std::string& specification, const test::SyntheticCapture& capture,
                                  const Budget& budget, bool giveEarlier = true)
{
    const auto method = makeMethod(specification);
    const auto survey = method->makeSurvey();
    const auto layers = std::ssize(capture.info().layers);
    const auto inputOf = [&](std::int64_t slot) {
        LayerInput input{capture.layer(slot), capture.info().segments, slot, layers};
        input.info = &capture.info();
        return input;
    };
    for (std::int64_t slot = 0; slot < layers; ++slot)
        survey->look(inputOf(slot));
    survey->finish();
    std::vector<LayerPlan> plans;
    for (std::int64_t slot = 0; slot < layers; ++slot) {
        LayerInput input = inputOf(slot);
        input.survey = survey.get();
        if (giveEarlier)
            input.earlier = plans;
        plans.push_back(method->plan(input, budget));
    }
    return plans;
}

double meanEntering(const std::vector<std::int64_t>& entering)
{
    return static_cast<double>(std::accumulate(entering.begin(), entering.end(), std::int64_t{0}))
           / static_cast<double>(entering.size());
}

bool hasFlag(const LayerPlan& plan, const std::string& flag)
{
    return std::find(plan.flags.begin(), plan.flags.end(), flag) != plan.flags.end();
}

const test::SyntheticCapture& deepCapture()
{
    static const test::SyntheticCapture capture(
        {.layers = 6, .heads = 4, .kvHeads = 2, .n = 80, .t = 30, .window = 32, .seed = 21});
    return capture;
}

/// Drops the worst context token until the set has the size that the next layer holds.
std::vector<Positions> simulatePrefill(const test::SyntheticCapture& capture, const std::vector<std::int64_t>& sizes,
                                       double lastWeight)
{
    const core::LayerData& shape = capture.layer(0);
    const std::int64_t recent = shape.n / 5;
    std::vector<Positions> sets;
    std::set<std::int32_t> alive;
    for (std::int32_t token = 0; token < shape.n; ++token)
        alive.insert(token);
    for (std::size_t layer = 0; layer < sizes.size(); ++layer) {
        sets.emplace_back(alive.begin(), alive.end());
        const core::LayerData& data = capture.layer(static_cast<std::int64_t>(layer));
        const auto score = [&](std::int32_t key) {
            double sum = 0;
            for (std::int64_t row = 0; row <= recent; ++row) {
                const double weight = 1 + (lastWeight - 1) * static_cast<double>(row) / static_cast<double>(recent);
                for (int head = 0; head < data.heads.queryHeads(); ++head)
                    sum += weight * data.windowRow(head, data.w - recent - 1 + row)[key];
            }
            return sum;
        };
        while (layer + 1 < sizes.size() && std::ssize(alive) > sizes[layer + 1]) {
            std::int32_t worst = -1;
            for (const std::int32_t key : alive)
                if (key >= 4 && key < shape.n - recent - 1 && (worst < 0 || score(key) <= score(worst)))
                    worst = key;
            alive.erase(worst);
        }
    }
    return sets;
}

} // namespace

TEST_CASE("the cosine falls from 1 towards p, the constant is p", "[unit]")
{
    CHECK(passedOn(0.3, 0, 8, Decay::cosine) == Approx(1.0));
    CHECK(passedOn(0.3, 4, 8, Decay::cosine) == Approx(0.65));
    CHECK(passedOn(0.3, 8, 8, Decay::cosine) == Approx(0.3));
    for (std::int64_t layer = 0; layer < 8; ++layer)
        CHECK(passedOn(0.3, layer, 8, Decay::constant) == 0.3);
    for (std::int64_t layer = 1; layer < 8; ++layer)
        CHECK(passedOn(0.3, layer, 8, Decay::cosine) < passedOn(0.3, layer - 1, 8, Decay::cosine));
}

TEST_CASE("layer sizes worked out by hand", "[unit]")
{
    // 100 tokens, the last 21 stay: 79 context tokens, halved and rounded down from layer to layer, at least 10.
    const PyramidRules rules{100, 5, 20, 10, Decay::constant};
    CHECK(enteringTokens(rules, 0.5) == std::vector<std::int64_t>{100, 21 + 39, 21 + 19, 21 + 10, 21 + 10});
    CHECK(enteringTokens(rules, 1.0) == std::vector<std::int64_t>(5, 100));
    // A context below the minimum is left whole; a window longer than the prompt leaves nothing to drop.
    CHECK(enteringTokens({100, 3, 20, 79, Decay::constant}, 0.1) == std::vector<std::int64_t>(3, 100));
    CHECK(enteringTokens({5, 3, 5, 0, Decay::constant}, 0.0) == std::vector<std::int64_t>(3, 5));
}

TEST_CASE("bisection finds the largest p within the budget", "[unit]")
{
    for (const Decay decay : {Decay::cosine, Decay::constant})
        for (const std::int64_t n : {30, 200, 1000, 4096})
            for (const std::int64_t layers : {2, 8, 32})
                for (const double ratio : {0.95, 0.8, 0.6, 0.5, 0.4}) {
                    CAPTURE(n, layers, ratio, static_cast<int>(decay));
                    const PyramidRules rules{n, layers, n / 5, 8, decay};
                    const auto capacity = static_cast<std::int64_t>(ratio * static_cast<double>(n));
                    const PyramidSchedule schedule = scheduleFor(rules, capacity);
                    const double least = meanEntering(enteringTokens(rules, 0.0));
                    CHECK(schedule.outOfReach == (least > static_cast<double>(capacity)));
                    CHECK(schedule.entering == enteringTokens(rules, schedule.p));
                    REQUIRE(std::is_sorted(schedule.entering.rbegin(), schedule.entering.rend()));
                    if (schedule.outOfReach) {
                        CHECK(schedule.p == 0.0);
                        continue;
                    }
                    REQUIRE(meanEntering(schedule.entering) <= static_cast<double>(capacity));
                    if (schedule.p < 1.0)
                        REQUIRE(meanEntering(enteringTokens(rules, schedule.p + 1e-9)) > static_cast<double>(capacity));
                    // At most one token a layer is lost to rounding where the layers shrink one by one.
                    CHECK(meanEntering(schedule.entering) > static_cast<double>(capacity - layers));
                }
}

TEST_CASE("each layer holds what the layer before lets through, and sets nest", "[unit]")
{
    for (const char* weight : {"1", "1.5"})
        for (const double ratio : {0.95, 0.85, 0.75}) {
            CAPTURE(weight, ratio);
            const std::string specification = std::string("pyramidinfer:min_context=8,distance_weight=") + weight;
            const auto plans = planLayers(specification, deepCapture(), {ratio, {}});
            const auto schedule = scheduleFor({80, 6, 16, 8, Decay::cosine},
                                              static_cast<std::int64_t>(std::floor(80 * ratio + 1e-9)));
            const auto expected = simulatePrefill(deepCapture(), schedule.entering, std::stod(weight));
            REQUIRE_FALSE(schedule.outOfReach);
            for (std::size_t layer = 0; layer < plans.size(); ++layer) {
                CAPTURE(layer);
                REQUIRE(plans[layer].kept == std::vector<Positions>(2, expected[layer]));
                CHECK(plans[layer].facts.at("p") == schedule.p);
                CHECK_FALSE(hasFlag(plans[layer], "window_clamped"));
                CHECK_FALSE(hasFlag(plans[layer], "layers_missing"));
                if (layer > 0)
                    CHECK(std::includes(plans[layer - 1].kept[0].begin(), plans[layer - 1].kept[0].end(),
                                        plans[layer].kept[0].begin(), plans[layer].kept[0].end()));
            }
            CHECK(plans[0].kept[0].size() == 80);
            CHECK(plans[1].kept[0].size() == 80); // the cosine starts at 1
        }
}

TEST_CASE("the sets are the same with and without the plans of the layers before", "[unit]")
{
    const auto with = planLayers("pyramidinfer:min_context=8", deepCapture(), {0.8, {}}, true);
    const auto without = planLayers("pyramidinfer:min_context=8", deepCapture(), {0.8, {}}, false);
    for (std::size_t layer = 0; layer < with.size(); ++layer) {
        CHECK(with[layer].kept == without[layer].kept);
        CHECK(with[layer].keptDecode == without[layer].keptDecode);
    }
}

TEST_CASE("captures that hold too little are flagged, and so are ratios out of reach", "[unit]")
{
    test::SyntheticCapture capture({.layers = 3, .n = 80, .t = 3, .window = 8});
    capture.mutableInfo().model.nLayers = 12;
    const auto plans = planLayers("pyramidinfer", capture, {0.1, {}});
    for (const LayerPlan& plan : plans) {
        CHECK(hasFlag(plan, "window_clamped")); // 8 of 17 rows
        CHECK(hasFlag(plan, "layers_missing"));
        CHECK(hasFlag(plan, "ratio_out_of_reach"));
        CHECK(plan.facts.at("p") == 0);
    }
    const LayerPlan alone = makeMethod("pyramidinfer")->plan({capture.layer(2), capture.info().segments}, {0.5, {}});
    CHECK(alone.kept[0].size() == 80);
    CHECK(hasFlag(alone, "ratio_out_of_reach"));
}

TEST_CASE("a given p ignores the budget", "[unit]")
{
    CHECK(makeMethod("pyramidinfer")->budgetUse() == BudgetUse::follows);
    CHECK(makeMethod("pyramidinfer:llama3")->budgetUse() == BudgetUse::fixed);
    const auto half = planLayers("pyramidinfer:p=0.4,min_context=8", deepCapture(), {0.5, {}});
    const auto whole = planLayers("pyramidinfer:p=0.4,min_context=8", deepCapture(), {1.0, {}});
    const auto entering = enteringTokens({80, 6, 16, 8, Decay::cosine}, 0.4);
    for (std::size_t layer = 0; layer < half.size(); ++layer) {
        CHECK(half[layer].kept == whole[layer].kept);
        CHECK(std::ssize(half[layer].kept[0]) == entering[layer]);
        CHECK(half[layer].facts.at("p") == 0.4);
    }
}

namespace {

/// Decoding of one layer with whole rows over all positions; `code` starts to count behind the prompt.
std::vector<std::uint8_t> simulateDecode(const core::LayerData& data, const Positions& kept, std::int64_t exceed,
                                         std::int64_t stay, bool code)
{
    const std::int64_t window = data.n / 5 + 1, total = data.total();
    Positions cache = kept;
    std::set<std::int32_t> judged(kept.begin(), code ? kept.end() - 1 : kept.end() - window);
    std::vector<std::vector<double>> rows;
    const auto addRow = [&](std::int64_t query) {
        std::vector<double> mean(static_cast<std::size_t>(total), 0.0);
        for (int head = 0; head < data.heads.queryHeads(); ++head) {
            const float* const row = query < data.n ? data.windowRow(head, query - data.n + data.w)
                                                    : data.decodeRow(head, query - data.n);
            double mass = 0;
            for (const std::int32_t key : cache)
                mass += row[key];
            for (const std::int32_t key : cache)
                mean[static_cast<std::size_t>(key)] += row[key] / mass;
        }
        rows.push_back(mean);
    };
    for (std::int64_t query = data.n - window; query < data.n; ++query)
        addRow(query);
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(data.t * total), 0);
    for (std::int64_t step = 0; step < data.t; ++step) {
        cache.push_back(static_cast<std::int32_t>(data.n + step));
        for (const std::int32_t key : cache)
            mask[static_cast<std::size_t>(step * total + key)] = 1;
        addRow(data.n + step);
        Positions left; // the window, and is not judged yet
        for (auto key = cache.begin(); key != cache.end() - window; ++key)
            if (!judged.count(*key))
                left.push_back(*key);
        if (std::ssize(left) < exceed)
            continue;
        const auto score = [&](std::int32_t key) {
            double sum = 0;
            for (auto row = rows.end() - window; row != rows.end(); ++row)
                sum += (*row)[static_cast<std::size_t>(key)];
            return sum;
        };
        judged.insert(left.begin(), left.end());
        while (std::ssize(left) > stay) {
            const auto worst = std::min_element(left.begin(), left.end(), [&](std::int32_t a, std::int32_t b) {
                return score(a) < score(b);
            });
            cache.erase(std::find(cache.begin(), cache.end(), *worst));
            left.erase(worst);
        }
    }
    return mask;
}

} // namespace

TEST_CASE("decoding judges what left the window in batches", "[unit]")
{
    // Rows of very unequal mass: what a row says counts by its shares of the keys alive, not by its mass.
    test::SyntheticCapture capture = deepCapture();
    for (std::int64_t slot = 0; slot < 6; ++slot)
        for (std::size_t i = 0; i < capture.layer(slot).windowRows.size(); ++i)
            capture.mutableLayer(slot).windowRows[i] *= i / 80 % 3 == 0 ? 1.0f : 0.02f;
    struct Case {
        std::string options;
        std::int64_t exceed, slot, stay;
        bool code;
    };
    // stay = max(1, floor(exceed 0.9 f)), f = 0.9 + 0.1 (1 + cos(pi slot / 6)) / 2
    for (const Case& test : std::vector<Case>{{"exceed=4", 4, 0, 3, false},   // 3.6
                                              {"exceed=4", 4, 5, 3, false},   // 3.26
                                              {"exceed=4,gen_decay=0.1", 4, 5, 1, false}, // 0.6
                                              {"exceed=1", 1, 3, 1, false},
                                              {"exceed=10,gen_decay=0.1", 10, 3, 4, false}, // 4.95
                                              {"exceed=4,compat=code", 4, 3, 3, true},
                                              {"exceed=6,gen_decay=0.5,compat=code", 6, 5, 2, true}}) {
        CAPTURE(test.options, test.slot);
        const auto plans = planLayers("pyramidinfer:min_context=8," + test.options, capture, {0.8, {}});
        const core::LayerData& data = capture.layer(test.slot);
        const LayerPlan& plan = plans[static_cast<std::size_t>(test.slot)];
        const auto expected = simulateDecode(data, plan.kept[0], test.exceed, test.stay, test.code);
        REQUIRE(plan.keptDecode.size() == 2 * expected.size());
        CHECK(std::equal(expected.begin(), expected.end(), plan.keptDecode.begin()));
        CHECK(std::equal(expected.begin(), expected.end(),
                         plan.keptDecode.begin() + static_cast<std::ptrdiff_t>(expected.size())));
    }
}

TEST_CASE("a continuation shorter than a batch is left alone", "[unit]")
{
    const auto plans = planLayers("pyramidinfer:min_context=8,exceed=30", deepCapture(), {0.8, {}});
    const auto code = planLayers("pyramidinfer:min_context=8,compat=code,exceed=16", deepCapture(), {0.8, {}});
    const auto off = planLayers("pyramidinfer:prefill_only,min_context=8", deepCapture(), {0.8, {}});
    for (std::size_t layer = 0; layer < plans.size(); ++layer) {
        CHECK(plans[layer].keptDecode.empty());
        CHECK(code[layer].keptDecode.empty()); // 16 + 16 steps would be needed
        CHECK(off[layer].keptDecode.empty());
        CHECK(off[layer].kept == plans[layer].kept);
    }
}
