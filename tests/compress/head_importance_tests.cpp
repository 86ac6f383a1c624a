// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The importance table from captures, and the search for the answer in prompt and continuation.
#include "compress/head_importance.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_capture.hpp"

#include <algorithm>
#include <numeric>

using namespace kvviz;
using namespace kvviz::compress;
using core::Span;

namespace {

/// By sorting whole rows.
std::vector<double> importanceByHand(const test::SyntheticCapture& capture, Span needle)
{
    std::vector<double> values;
    for (std::int64_t slot = 0; slot < std::ssize(capture.info().layers); ++slot) {
        const core::LayerData& data = capture.layer(slot);
        for (int head = 0; head < data.heads.queryHeads(); ++head) {
            double sum = 0;
            for (std::int64_t step = 0; step < data.t; ++step) {
                const float* const row = data.decodeRow(head, step);
                const double mass = std::accumulate(row, row + data.total(), 0.0);
                std::vector<std::pair<double, std::int64_t>> keys;
                for (std::int64_t key = 0; key < data.n; ++key)
                    keys.emplace_back(-row[key], key);
                std::sort(keys.begin(), keys.end());
                for (std::int64_t i = 0; i < needle.end - needle.begin; ++i) {
                    const auto& [attention, key] = keys[static_cast<std::size_t>(i)];
                    if (key >= needle.begin && key < needle.end)
                        sum -= attention / mass / static_cast<double>(needle.end - needle.begin);
                }
            }
            values.push_back(sum);
        }
    }
    return values;
}

/// Pieces of the prompt, of which the last `questionPieces` are the question, then of the continuation.
core::CaptureInfo infoOf(const std::vector<std::string>& prompt, std::int64_t questionPieces, const std::string& answer,
                         const std::vector<std::string>& generated = {})
{
    core::CaptureInfo info;
    std::int32_t id = 0;
    for (const auto* pieces : {&prompt, &generated})
        for (const std::string& piece : *pieces)
            info.tokens.append(id++, piece);
    info.prompt.nPrompt = std::ssize(prompt);
    info.prompt.nGenerated = std::ssize(generated);
    info.prompt.answer = answer;
    if (questionPieces > 0)
        info.segments = {
            {core::SegmentKind::instruction, 0, {0, std::ssize(prompt) - questionPieces}, ""},
            {core::SegmentKind::question, 0, {std::ssize(prompt) - questionPieces, std::ssize(prompt)}, ""}};
    return info;
}

bool says(const std::string& generated, const std::string& answer)
{
    return answered(infoOf({"p"}, 0, answer, {generated}));
}

std::optional<Span> spanOf(const std::vector<std::string>& prompt, std::int64_t questionPieces,
                           const std::string& answer)
{
    return answerSpan(infoOf(prompt, questionPieces, answer));
}

} // namespace

TEST_CASE("head importance is the attention on the answer among the keys attended to most", "[unit]")
{
    const test::SyntheticCapture first({.layers = 3, .heads = 4, .kvHeads = 2, .n = 40, .t = 6, .seed = 1});
    const test::SyntheticCapture second({.layers = 3, .heads = 4, .kvHeads = 2, .n = 55, .t = 2, .seed = 2});
    HeadImportanceBuilder builder;
    builder.add(first, {0, 5});
    builder.add(second, {20, 32});
    CHECK(builder.samples() == 2);
    const core::HeadImportance table = builder.finish();
    CHECK(table.layers == 3);
    CHECK(table.heads == 4);
    CHECK(table.samples == 2);
    const std::vector<double> a = importanceByHand(first, {0, 5}), b = importanceByHand(second, {20, 32});
    REQUIRE(table.values.size() == a.size());
    double most = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        CHECK(table.values[i] == Approx((a[i] + b[i]) / 2).margin(1e-7));
        most = std::max(most, table.values[i]);
    }
    CHECK(most > 0); // token 0 is a sink
    HeadImportanceBuilder whole;
    whole.add(first, {0, 40});
    for (const double value : whole.finish().values) // all of the prompt: what is left of 6 rows, over 40 tokens
        CHECK((value > 0 && value < 6.0 / 40));
}

TEST_CASE("captures that cannot count are refused and change nothing", "[unit]")
{
    const test::SyntheticOptions options{.layers = 2, .heads = 4, .kvHeads = 2, .n = 40, .t = 3};
    test::SyntheticCapture good(options), otherModel(options), noRows(options), fewLayers(options), fewHeads(options);
    otherModel.mutableInfo().model.sha256 = std::string(64, 'b');
    noRows.setAvailable(core::Need::stats);
    fewLayers.mutableInfo().layers.pop_back();
    fewHeads.mutableInfo().heads.resize(2);
    const test::SyntheticCapture noSteps({.layers = 2, .heads = 4, .kvHeads = 2, .n = 40, .t = 0});
    HeadImportanceBuilder builder;
    CHECK_THROWS_WITH(builder.finish(), Catch::Contains("no capture counts"));
    builder.add(good, {3, 6});
    const std::vector<double> before = builder.finish().values;
    struct Case {
        const core::CaptureSource& capture;
        Span needle;
        const char* words;
    };
    for (const Case& bad : {Case{good, {5, 5}, "[5, 5)"}, Case{good, {-1, 3}, "prompt"},
                            Case{good, {38, 41}, "40 tokens"}, Case{otherModel, {3, 6}, "another model"},
                            Case{noRows, {3, 6}, "decode rows"}, Case{noSteps, {3, 6}, "decode rows"},
                            Case{fewLayers, {3, 6}, "some layers"}, Case{fewHeads, {3, 6}, "some layers or heads"}}) {
        CAPTURE(bad.words);
        CHECK_THROWS_WITH(builder.add(bad.capture, bad.needle), Catch::Contains(bad.words));
        CHECK(builder.samples() == 1);
        CHECK(builder.finish().values == before);
    }
}

TEST_CASE("rows in half precision count by their share", "[unit]")
{
    test::SyntheticCapture exact({.layers = 1, .n = 30, .t = 4}), scaled = exact;
    for (float& value : scaled.mutableLayer(0).decodeRows)
        value *= 0.99f;
    HeadImportanceBuilder a, b;
    a.add(exact, {0, 4});
    b.add(scaled, {0, 4});
    for (std::size_t i = 0; i < a.finish().values.size(); ++i)
        CHECK(b.finish().values[i] == Approx(a.finish().values[i]).margin(1e-6));
}

TEST_CASE("the answer is found where it stands last before the question", "[unit]")
{
    CHECK(spanOf({"Code ", "42", ". ", "Code ", "42", ". ", "Is it ", "42", "?"}, 3, "42") == Span{4, 5});
    CHECK(spanOf({"Code ", "42", ". Code ", "4", "2", ". ", "Is it ", "42", "?"}, 0, "42") == Span{7, 8});
    CHECK(spanOf({"Code ", "4", "2", ". ", "Which?"}, 1, " 42\n")
          == Span{1, 3}); // white space around it does not count
    CHECK(spanOf({"the ", "red do", "or is", " open", "?"}, 1, "red door")
          == Span{1, 3});                                          // tokens that hold part of it
    CHECK(spanOf({"a", "", "b", "", "?"}, 1, "ab") == Span{0, 3}); // an empty token has no byte of it
    CHECK(spanOf({"42", "?"}, 1, "42") == Span{0, 1});
    CHECK(spanOf({"x", " 42"}, 0, "42") == Span{1, 2});
}

TEST_CASE("an answer inside of a longer word is none", "[unit]")
{
    CHECK(spanOf({"Code 142, ", "421, ", "1422. ", "Which?"}, 1, "42") == std::nullopt);
    CHECK(spanOf({"Code ", "42, ", "421. ", "Which?"}, 1, "42") == Span{1, 2}); // goes on looking
    CHECK(spanOf({"caf\xC3\xA9", " x"}, 1, "caf") == std::nullopt);             // letters beyond ASCII join too
    CHECK(spanOf({"(+)", " x"}, 1, "+") == Span{0, 1});                         // a sign joins nothing
    CHECK(spanOf({"Paris", " Paris?"}, 1, "paris") == std::nullopt);            // the same spelling
    CHECK(spanOf({"one ", "42", "?"}, 2, "42") == std::nullopt);                // only in the question
    CHECK(spanOf({"one ", "4", "2?"}, 1, "42") == std::nullopt);                // ends in the question
    CHECK(spanOf({"one ", "two"}, 0, "") == std::nullopt);
    CHECK(spanOf({"one ", "two"}, 0, " \n") == std::nullopt);
    CHECK(spanOf({"one ", "two"}, 0, "one two three and more") == std::nullopt);
    CHECK(spanOf({"one ", "two"}, 2, "one") == std::nullopt); // a prompt that is the question
    CHECK(spanOf({}, 0, "x") == std::nullopt);
}

TEST_CASE("a continuation counts when it gives the answer", "[unit]")
{
    CHECK(says("42", "42"));
    CHECK(says(" 42.\n", "42"));
    CHECK(says("The locker code of Edith is 7343.", "7343"));
    CHECK(says("THE RED DOOR", "red door"));
    CHECK(says("it was the door, red as ever", "a red door")); // "door red": same words
    CHECK(says("the red gate by the lake", "big red gate"));   // two of three: F1 2/3
    CHECK(says("1,200 dollars", "1200"));
    CHECK(answered(infoOf({"p"}, 0, "Paris", {" Paris", "<|im_end|>"})));
    CHECK_FALSE(says("the gate by the lake", "big red gate")); // one of three
    CHECK_FALSE(says("421", "42"));
    CHECK_FALSE(says("no idea", "42"));
    CHECK_FALSE(says("", "42"));
    CHECK_FALSE(says("42", ""));
    CHECK_FALSE(says("?!", "..."));
    CHECK_FALSE(answered(infoOf({"the code is 42"}, 0, "42", {"no"}))); // the prompt does not count
}

TEST_CASE("a made-up capture goes the whole way from text to table", "[unit]")
{
    test::SyntheticCapture capture({.layers = 2, .n = 42, .t = 5});
    capture.mutableInfo().prompt.answer = "w7 w8";
    const auto span = answerSpan(capture.info());
    REQUIRE(span == Span{7, 9});
    HeadImportanceBuilder builder;
    builder.add(capture, *span);
    CHECK(builder.finish().values.size() == 8);
    CHECK_FALSE(answered(capture.info()));
    capture.mutableInfo().prompt.answer = "w43 w44";
    CHECK(answered(capture.info()));
    CHECK(answerSpan(capture.info()) == std::nullopt); // generated, not in the prompt
}
