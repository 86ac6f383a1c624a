// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// ShotKV's options beyond one layer and one window: shots for all layers, queries of the question, both overflow rules.
#include "compress/method.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>

using namespace kvviz;
using namespace kvviz::compress;
using core::SegmentKind;
using Positions = std::vector<std::int32_t>;

namespace {

/// Fourteen prompt tokens: frame 0-1, shots 2-4, 5-7, 8-10, question 11-13; one query head, four window rows.
const std::vector<core::Segment> kSegments{{SegmentKind::instruction, 0, {0, 2}, "i"},
                                           {SegmentKind::shot, 0, {2, 5}, "a"},
                                           {SegmentKind::shot, 1, {5, 8}, "b"},
                                           {SegmentKind::shot, 2, {8, 11}, "c"},
                                           {SegmentKind::question, 0, {11, 14}, "q"},
                                           {SegmentKind::generated, 0, {14, 14}, "g"}};

core::LayerData layerOf(const std::vector<float>& received)
{
    core::LayerData data;
    data.n = 14;
    data.w = 4;
    data.headDim = 1;
    data.received = received;
    data.windowRows.assign(4 * 14, 0.0f);
    return data;
}

/// Received attention with the given sums over shots a, b, c.
std::vector<float> shotMass(float a, float b, float c)
{
    std::vector<float> received(14, 0.0f);
    received[2] = a;
    received[6] = b;
    received[10] = c;
    return received;
}

LayerPlan planOf(const std::string& options, const core::LayerData& data, std::int64_t tokens,
                 const std::vector<core::Segment>& segments = kSegments)
{
    return makeMethod("shotkv:decode=false" + options)->plan({data, segments}, {1.0, tokens});
}

Positions withFrame(std::int32_t begin, std::int32_t end)
{
    Positions all{0, 1};
    for (std::int32_t token = begin; token < end; ++token)
        all.push_back(token);
    for (const std::int32_t token : {11, 12, 13})
        all.push_back(token);
    return all;
}

bool hasFlag(const LayerPlan& plan, const std::string& flag)
{
    return std::find(plan.flags.begin(), plan.flags.end(), flag) != plan.flags.end();
}

} // namespace

TEST_CASE("with global=true the mean over layers chooses one set of shots", "[unit]")
{
    // a wins layer 0, c wins layer 1, b wins on average.
    const std::vector<core::LayerData> layers{layerOf(shotMass(9, 8, 0)), layerOf(shotMass(0, 7, 8))};
    for (const bool global : {false, true}) {
        const auto method = makeMethod(std::string("shotkv:decode=false,global=") + (global ? "true" : "false"));
        const auto survey = method->makeSurvey();
        REQUIRE((survey != nullptr) == global);
        for (std::int64_t slot = 0; slot < 2 && survey; ++slot)
            survey->look({layers[static_cast<std::size_t>(slot)], kSegments, slot, 2});
        if (survey)
            survey->finish();
        std::vector<LayerPlan> plans;
        for (std::int64_t slot = 0; slot < 2; ++slot) {
            LayerInput input{layers[static_cast<std::size_t>(slot)], kSegments, slot, 2};
            input.survey = survey.get();
            plans.push_back(method->plan(input, {1.0, 8}));
        }
        CHECK(plans[0].kept[0] == (global ? withFrame(5, 8) : withFrame(2, 5)));
        CHECK(plans[1].kept[0] == (global ? withFrame(5, 8) : withFrame(8, 11)));
    }
    CHECK(planOf(",global=true", layers[0], 8).kept[0] == withFrame(2, 5)); // a layer alone is the model
}

TEST_CASE("acc=question accumulates exactly the queries of the question", "[unit]")
{
    core::LayerData data = layerOf(shotMass(9, 0, 0));
    const auto put = [&](std::size_t row, std::size_t key, float weight) { data.windowRows[row * 14 + key] = weight; };
    put(0, 3, 1.0f); // query 10, of shot c: not a question
    put(1, 9, 0.4f);
    put(3, 9, 0.3f);
    put(2, 5, 0.6f);
    CHECK(planOf("", data, 8).kept[0] == withFrame(2, 5));
    const LayerPlan plan = planOf(",acc=question", data, 8);
    CHECK(plan.kept[0] == withFrame(8, 11));
    CHECK(plan.flags.empty());
    CHECK(planOf(",acc=window,window=4", data, 8).kept[0] == withFrame(2, 5));
}

TEST_CASE("a question longer than the window, or none, is flagged", "[unit]")
{
    core::LayerData data = layerOf(shotMass(9, 0, 0));
    data.windowRows[0 * 14 + 6] = 1.0f;
    std::vector<core::Segment> segments = kSegments;
    segments[4].span = {9, 14};
    segments[3].span = {8, 9};
    const LayerPlan longer = planOf(",acc=question", data, 10, segments);
    CHECK(hasFlag(longer, "window_clamped"));
    CHECK_FALSE(hasFlag(longer, "no_question"));
    CHECK(longer.kept[0] == Positions{0, 1, 5, 6, 7, 9, 10, 11, 12, 13});
    segments = kSegments;
    segments.erase(segments.begin() + 4);
    const LayerPlan none = planOf(",acc=question,window=4", data, 8, segments);
    CHECK(hasFlag(none, "no_question"));
    CHECK(none.kept[0] == planOf(",acc=window,window=4", data, 8, segments).kept[0]);
    segments = kSegments;
    segments[4].span = {0, 2}; // asked before the shots: none of its rows is held
    const LayerPlan early = planOf(",acc=question,window=4", data, 8, segments);
    CHECK(hasFlag(early, "no_question"));
    CHECK(hasFlag(early, "window_clamped"));
}

TEST_CASE("facts tell what either overflow rule keeps", "[unit]")
{
    std::vector<core::Segment> segments = kSegments;
    segments[1].span = {2, 7}; // a: 5 tokens, b: 1, c: 3
    segments[2].span = {7, 8};
    core::LayerData data = layerOf(shotMass(1, 0, 9));
    const LayerPlan stop = planOf("", data, 9, segments);
    const LayerPlan skip = planOf(",overflow=skip", data, 9, segments);
    CHECK(hasFlag(stop, "overflow_rules_differ"));
    for (const LayerPlan* plan : {&stop, &skip}) {
        CHECK(plan->facts.at("shots") == 3);
        CHECK(plan->facts.at("shots_kept_stop") == 1);
        CHECK(plan->facts.at("shots_kept_skip") == 2);
        CHECK(plan->facts.at("shot_tokens_stop") == 3);
        CHECK(plan->facts.at("shot_tokens_skip") == 4);
    }
    CHECK(stop.facts.at("shots_kept") == 1);
    CHECK(skip.facts.at("shots_kept") == 2);
    CHECK(skip.kept[0].size() == 9);
    const LayerPlan one = planOf(",min_one=true", data, 6, segments);
    CHECK(one.facts.at("shots_kept") == 1);
    CHECK(one.facts.at("shots_kept_stop") == 0);
}

TEST_CASE("question queries of a made-up capture add up to their window rows", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .n = 70, .t = 2, .window = 32});
    const core::LayerData& data = capture.layer(0);
    // The question has tokens 55 to 69: the last 15 rows, so a window of 15 says the same.
    const LayerInput input{data, capture.info().segments};
    for (const double ratio : {0.9, 0.7, 0.6}) {
        const LayerPlan question = makeMethod("shotkv:question")->plan(input, {ratio, {}});
        const LayerPlan window = makeMethod("shotkv:window,window=15")->plan(input, {ratio, {}});
        CHECK(question.kept == window.kept);
        CHECK(question.keptDecode == window.keptDecode);
    }
}
