// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// ShotKV: whole shots in prefill with every reading of the paper's open points, single tokens in decoding.
#include "compress/method.hpp"
#include "compress/online_steps.hpp"
#include "compress/shotkv_decode.hpp"
#include "compress/shots.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <cmath>

using namespace kvviz;
using namespace kvviz::compress;
using core::SegmentKind;
using Positions = std::vector<std::int32_t>;

namespace {

/// Twelve prompt tokens: frame 0-1, shots 2-4, 5-6, 7-10, question 11.
const std::vector<core::Segment> kSegments{{SegmentKind::instruction, 0, {0, 2}, "i"},
                                           {SegmentKind::shot, 0, {2, 5}, "a"},
                                           {SegmentKind::shot, 1, {5, 7}, "b"},
                                           {SegmentKind::shot, 2, {7, 11}, "c"},
                                           {SegmentKind::question, 0, {11, 12}, "q"},
                                           {SegmentKind::generated, 0, {12, 12}, "g"}};

/// Mean scores: shot a 2, shot b 1, shot c 3; frame 5.
core::LayerData promptLayer()
{
    core::LayerData data;
    data.n = 12;
    data.w = 1;
    data.headDim = 1;
    data.received = {5, 5, 1, 2, 3, 1, 1, 3, 3, 3, 3, 5};
    data.windowRows = {0, 0, 0, 0, 0, .5f, .5f, 0, 0, 0, 0, 0};
    return data;
}

LayerPlan planOf(const std::string& options, const core::LayerData& data, std::int64_t tokens,
                 const std::vector<core::Segment>& segments = kSegments)
{
    return makeMethod("shotkv" + options)->plan({data, segments}, {1.0, tokens});
}

bool hasFlag(const LayerPlan& plan, const std::string& flag)
{
    return std::find(plan.flags.begin(), plan.flags.end(), flag) != plan.flags.end();
}

/// [t, T]
std::vector<std::uint8_t> decodeMask(const core::LayerData& data, const Positions& prompt, double ratio, bool recall)
{
    if (recall)
        return shotRecallMask(data, prompt, ratio);
    return replayOnline(data, allHeads(data), prompt, shotDecodeRules(std::ssize(prompt), ratio).rules.front());
}

} // namespace

TEST_CASE("whole shots are kept in score order while they fit beside the frame", "[unit]")
{
    const core::LayerData data = promptLayer();
    CHECK(planOf("", data, 10).kept[0] == Positions{0, 1, 2, 3, 4, 7, 8, 9, 10, 11});
    CHECK(planOf("", data, 9).kept[0] == Positions{0, 1, 7, 8, 9, 10, 11}); // a does not fit: stop
    CHECK(hasFlag(planOf("", data, 9), "overflow_rules_differ"));           // b would
    CHECK(planOf(":overflow=skip", data, 9).kept[0] == Positions{0, 1, 5, 6, 7, 8, 9, 10, 11});
    CHECK_FALSE(hasFlag(planOf("", data, 7), "overflow_rules_differ"));
}

TEST_CASE("frame tokens are charged, free or compete", "[unit]")
{
    const core::LayerData data = promptLayer();
    CHECK(planOf(":frame=keep_free", data, 7).kept[0].size() == 10);
    CHECK(planOf(":frame=as_unit", data, 7).kept[0] == Positions{0, 1, 7, 8, 9, 10, 11});
    CHECK(planOf(":frame=as_unit", data, 3).kept[0] == Positions{0, 1, 11});
    const LayerPlan tight = planOf("", data, 2);
    CHECK(tight.kept[0] == Positions{0, 1, 11});
    CHECK(hasFlag(tight, "frame_exceeds_budget"));
    CHECK(hasFlag(tight, "no_shot_fits"));
}

TEST_CASE("when no shot fits none is kept, or the best one on request", "[unit]")
{
    const core::LayerData data = promptLayer();
    const LayerPlan none = planOf("", data, 6);
    CHECK(none.kept[0] == Positions{0, 1, 11});
    CHECK(hasFlag(none, "no_shot_fits"));
    const LayerPlan one = planOf(":min_one=true", data, 6);
    CHECK(one.kept[0] == Positions{0, 1, 7, 8, 9, 10, 11});
    CHECK(hasFlag(one, "min_one_used"));
}

TEST_CASE("accumulation over the window or per seeing query changes the ranking", "[unit]")
{
    core::LayerData data = promptLayer();
    CHECK(planOf(":window", data, 5).kept[0] == Positions{0, 1, 5, 6, 11});
    // Divided by 12 - j, shot c (seen by few) still leads; with equal sums the later shot wins.
    data.received = {5, 5, 2, 2, 2, 2, 2, 2, 2, 2, 2, 5};
    CHECK(planOf(":overflow=skip", data, 7).kept[0] == Positions{0, 1, 2, 3, 4, 11});
    CHECK(planOf("", data, 6).tiesAtCut == 3);
    CHECK(planOf(":acc=seen_mean", data, 7).kept[0] == Positions{0, 1, 7, 8, 9, 10, 11});
}

TEST_CASE("prompts with one shot, an oversized shot or none at all are planned", "[unit]")
{
    const core::LayerData data = promptLayer();
    const std::vector<core::Segment> one{{SegmentKind::shot, 0, {1, 11}, "only"}};
    CHECK(planOf("", data, 8, one).kept[0] == Positions{0, 11});
    CHECK(planOf("", data, 12, one).kept[0].size() == 12);
    const LayerPlan none = planOf("", data, 4, {{SegmentKind::question, 0, {0, 12}, "q"}});
    CHECK(none.kept[0].size() == 12);
    CHECK(hasFlag(none, "no_shots"));
    // Empty, overlapping and overhanging shots: each token belongs to one unit, positions stay in the prompt.
    const std::vector<core::Segment> odd{{SegmentKind::shot, 0, {3, 3}, "empty"}, {SegmentKind::shot, 1, {2, 6}, "x"},
                                         {SegmentKind::shot, 2, {4, 99}, "overlaps and overhangs"}};
    const PromptUnits units = promptUnits(odd, 12);
    REQUIRE(units.shots.size() == 2);
    CHECK(units.shots[1] == Unit{6, 7, 8, 9, 10, 11});
    CHECK(units.frame == Unit{0, 1});
}

TEST_CASE("the decode budget follows all generated tokens, not the compressed cache", "[unit]")
{
    for (const double ratio : {0.1, 0.3, 0.4, 0.7, 1.0})
        for (std::int64_t generated = 1; generated <= 200; ++generated) {
            const auto exact = static_cast<std::int64_t>(std::ceil(ratio * static_cast<double>(generated) - 1e-9));
            REQUIRE(decodeKeepCount(generated, ratio) == std::max<std::int64_t>(1, exact));
        }
    CHECK(decodeKeepCount(10, 0.7) == 7); // 0.7 * 10 is a little more than 7 in binary
    // The misreading, k = r (k + 1), stays below one token for ever at 40 %.
    double misread = 1;
    for (int step = 0; step < 100; ++step)
        misread = 0.4 * (misread + 1);
    CHECK(misread == Approx(0.4 / 0.6));
    CHECK(decodeKeepCount(100, 0.4) == 40);
}

TEST_CASE("decode masks hold the prompt's set, the survivors and the query itself", "[unit]")
{
    const test::SyntheticCapture capture({.layers = 1, .n = 28, .t = 20, .window = 8, .seed = 5});
    const core::LayerData& data = capture.layer(0);
    for (const bool recall : {false, true}) {
        const Positions prompt{0, 3, 9};
        const auto mask = decodeMask(data, prompt, 0.4, recall);
        const auto visible = [&](std::int64_t step, std::int64_t key) {
            return mask[static_cast<std::size_t>(step * data.total() + key)] != 0;
        };
        for (std::int64_t step = 0; step < data.t; ++step) {
            std::int64_t generated = 0;
            for (std::int64_t key = 0; key < data.total(); ++key) {
                if (key < data.n)
                    REQUIRE(visible(step, key) == (key == 0 || key == 3 || key == 9));
                else
                    generated += visible(step, key);
                if (key > data.n + step)
                    REQUIRE_FALSE(visible(step, key));
                // Without recall an evicted key never comes back.
                if (!recall && step > 0 && key >= data.n && key < data.n + step - 1 && visible(step, key))
                    REQUIRE(visible(step - 1, key));
            }
            REQUIRE(visible(step, data.n + step));
            REQUIRE(generated == 1 + (step == 0 ? 0 : decodeKeepCount(step, 0.4)));
        }
    }
}

TEST_CASE("a query's attention changes what later queries see, never what it sees itself", "[unit]")
{
    test::SyntheticCapture capture({.layers = 1, .n = 28, .t = 12, .window = 8, .seed = 6});
    core::LayerData& data = capture.mutableLayer(0);
    const auto before = decodeMask(data, Positions{1}, 0.3, false);
    const std::int64_t changed = 7; // three survivors and itself compete for ceil(0.3 * 8) = 3 places
    std::int64_t evicted = 0;
    for (std::int64_t key = data.n; key <= data.n + changed; ++key)
        if (before[static_cast<std::size_t>(changed * data.total() + key)]
            && !before[static_cast<std::size_t>((changed + 1) * data.total() + key)])
            evicted = key;
    REQUIRE(evicted >= data.n);
    for (int head = 0; head < data.heads.queryHeads(); ++head) { // all mass on the key that was evicted before
        float* const row = data.decodeRows.data() + (head * data.t + changed) * data.total();
        std::fill(row, row + data.total(), 0.0f);
        row[evicted] = 1.0f;
    }
    const auto after = decodeMask(data, Positions{1}, 0.3, false);
    const auto cut = static_cast<std::ptrdiff_t>((changed + 1) * data.total());
    CHECK(std::equal(before.begin(), before.begin() + cut, after.begin()));
    CHECK_FALSE(std::equal(before.begin() + cut, before.end(), after.begin() + cut));
    CHECK(after[static_cast<std::size_t>((changed + 1) * data.total() + evicted)] == 1);
}

TEST_CASE("prefill-only ShotKV leaves generated keys alone", "[unit]")
{
    const test::SyntheticCapture capture;
    const LayerInput input{capture.layer(0), capture.info().segments};
    const LayerPlan both = makeMethod("shotkv")->plan(input, {0.5, {}});
    const LayerPlan prefill = makeMethod("shotkv:prefill_only")->plan(input, {0.5, {}});
    CHECK(prefill.keptDecode.empty());
    CHECK(both.keptDecode.size() == static_cast<std::size_t>(2 * 5 * 75));
    CHECK(both.kept == prefill.kept);
}
