// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Plain text with explicit segment marks.
#include "tests/datasets/prompt_checks.hpp"

using namespace kvviz;
using datasets::promptFromMarkedText;
using test::requireError;

TEST_CASE("Marked text becomes a prompt whose segments tile it", "[unit]")
{
    const auto prompt = promptFromMarkedText("Be brief.\n@@ shot first one\nQ: 1+1?\nA: 2\n\n@@ shot\nQ: 2+2?\nA: 4\n\n"
                                             "@@ question sums\nQ: 3+3?\nA:\n@@ answer\n 6\n",
                                             "mine");
    CHECK(prompt.id == "mine");
    CHECK(prompt.text == "Be brief.\nQ: 1+1?\nA: 2\n\nQ: 2+2?\nA: 4\n\nQ: 3+3?\nA:");
    CHECK(prompt.target == " 6");
    CHECK(prompt.answer == "6");
    REQUIRE(prompt.segments.size() == 4);
    CHECK(prompt.segments[0].kind == core::SegmentKind::instruction);
    CHECK(prompt.segments[1].label == "first one");
    CHECK(prompt.segments[2].label == "shot 2");
    CHECK(prompt.segments[2].index == 1);
    CHECK(prompt.segments[3].label == "sums");
    CHECK(test::textOf(prompt, prompt.segments[3]) == "Q: 3+3?\nA:");
    CHECK(prompt.segments.back().span.end == std::ssize(prompt.text));
}

TEST_CASE("Text without marks is one question", "[unit]")
{
    const auto prompt = promptFromMarkedText("Hello there\n@@@ not a mark\n@@neither\n", "plain");
    CHECK(prompt.text == "Hello there\n@@ not a mark\n@@neither");
    REQUIRE(prompt.segments.size() == 1);
    CHECK(prompt.segments[0].kind == core::SegmentKind::question);
    CHECK(prompt.segments[0].span == core::Span{0, std::ssize(prompt.text)});
    CHECK(prompt.target.empty());
}

TEST_CASE("Only one line break at the end of a prompt is dropped", "[unit]")
{
    CHECK(promptFromMarkedText("a\n\n", "x").text == "a\n");
    CHECK(promptFromMarkedText("a\r\n", "x").text == "a");
    CHECK(promptFromMarkedText("a", "x").text == "a");
}

TEST_CASE("An answer that is not at the end stays in the prompt", "[unit]")
{
    const auto prompt = promptFromMarkedText("@@ question\nWhy?\n@@ answer\nSo.\n@@ question\nAnd?\n", "chat");
    CHECK(prompt.text == "Why?\nSo.\nAnd?");
    CHECK(prompt.target.empty());
    REQUIRE(prompt.segments.size() == 3);
    CHECK(prompt.segments[1].kind == core::SegmentKind::answer);
}

TEST_CASE("Wrong marked text is refused with its line", "[unit]")
{
    const auto code = core::ErrorCode::badInput;
    requireError(code, {"'p'", "line 2", "'shoot'", "did you mean 'shot'", "@@@"},
                 [] { (void)promptFromMarkedText("a\n@@ shoot\nb\n", "p"); });
    requireError(code, {"line 1", "expected system"}, [] { (void)promptFromMarkedText("@@\nb\n", "p"); });
    requireError(code, {"line 1", "generated"}, [] { (void)promptFromMarkedText("@@ generated\nb\n", "p"); });
    requireError(code, {"line 1", "no text"}, [] { (void)promptFromMarkedText("@@ shot\n@@ question\nb\n", "p"); });
    requireError(code, {"line 3", "answer"}, [] { (void)promptFromMarkedText("@@ question\nb\n@@ answer\n", "p"); });
    requireError(code, {"empty"}, [] { (void)promptFromMarkedText("", "p"); });
    requireError(code, {"empty"}, [] { (void)promptFromMarkedText("\n", "p"); });
    requireError(code, {"empty"}, [] { (void)promptFromMarkedText("@@ answer\n 6\n", "p"); });
    requireError(code, {"UTF-8"}, [] { (void)promptFromMarkedText("a\xff", "p"); });
}
