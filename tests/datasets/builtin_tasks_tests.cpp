// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Built-in tasks: the same bytes for ever, exact segments, no question given away by a shot.
#include "datasets/answers.hpp"
#include "datasets/needle.hpp"
#include "tests/datasets/prompt_checks.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <sstream>

using namespace kvviz;
using datasets::openTask;
using datasets::Prompt;
using datasets::TaskOptions;
using test::requireError;

namespace {

const std::vector<std::string> kBuiltIn{"facts",  "everyday", "addition",  "code_lines", "requests",
                                        "needle", "sums",     "documents", "sentiment",  "opposites"};

TaskOptions withShots(int shots)
{
    TaskOptions options;
    options.shots = shots;
    return options;
}

/// FNV-1a, so that a change of any byte of any prompt shows.
std::uint64_t hashOf(std::uint64_t hash, const std::string& bytes)
{
    for (const char c : bytes)
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return hash;
}

std::uint64_t hashOfTask(const std::string& name, std::uint64_t seed)
{
    TaskOptions options;
    options.seed = seed;
    const auto task = openTask(name, options);
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const std::int64_t index : {0, 1, 7, 500, 999}) {
        const Prompt prompt = task->prompt(index);
        hash = hashOf(hash, prompt.text + prompt.target);
    }
    return hash;
}

} // namespace

TEST_CASE("Every prompt of the built-in tasks is tiled by its segments and scores its own target", "[unit]")
{
    for (const std::string& name : kBuiltIn)
        for (const int shots : {0, 1, 2, 8}) {
            const auto task = openTask(name, withShots(shots));
            REQUIRE(task->size() == 1000);
            std::set<std::string> ids;
            for (std::int64_t index = 0; index < task->size(); index += shots == 8 ? 1 : 13) {
                const Prompt prompt = task->prompt(index);
                test::checkPrompt(prompt);
                REQUIRE(test::countExamples(prompt) == shots);
                REQUIRE(ids.insert(prompt.id).second);
                REQUIRE(task->isCorrect(prompt, prompt.target));
                REQUIRE(task->score(prompt, prompt.target) == 1);
                REQUIRE(task->isCorrect(prompt, prompt.target + "\n\nand more 99 text"));
                REQUIRE_FALSE(task->isCorrect(prompt, ""));
                REQUIRE_FALSE(task->isCorrect(prompt, "\n" + prompt.target));
            }
        }
}

TEST_CASE("No shot repeats another or holds the question", "[unit]")
{
    for (const char* name :
         {"facts", "everyday", "addition", "code_lines", "requests", "sums", "sentiment", "opposites"}) {
        const auto task = openTask(name, {});
        for (std::int64_t index = 0; index < 300; ++index) {
            const Prompt prompt = task->prompt(index);
            const std::string question = test::textOf(prompt, prompt.segments.back());
            std::set<std::string> seen;
            for (const core::Segment& segment : prompt.segments) {
                if (segment.kind != core::SegmentKind::shot)
                    continue;
                const std::string shot = test::textOf(prompt, segment);
                REQUIRE(seen.insert(shot).second);
                REQUIRE(shot.find(question) == std::string::npos);
                REQUIRE(shot.ends_with("\n\n"));
            }
        }
    }
}

TEST_CASE("Sums in addition are right and the sum asked for is in no shot", "[unit]")
{
    const auto task = openTask("addition", {});
    for (std::int64_t index = 0; index < 200; ++index) {
        const Prompt prompt = task->prompt(index);
        int a = 0;
        int b = 0;
        int sum = 0;
        const std::size_t plus = prompt.target.rfind(" + ");
        REQUIRE(plus != std::string::npos);
        const std::size_t first = prompt.target.rfind(' ', plus - 1);
        REQUIRE(std::sscanf(prompt.target.c_str() + first, "%d + %d = %d", &a, &b, &sum) == 3);
        REQUIRE(a + b == sum);
        REQUIRE(prompt.answer == std::to_string(sum));
        for (const auto& [left, right] : {std::pair(a, b), std::pair(b, a)})
            REQUIRE(prompt.text.find(" " + std::to_string(left) + " + " + std::to_string(right) + " =")
                    == std::string::npos);
        REQUIRE_FALSE(task->isCorrect(prompt, " The answer is " + std::to_string(sum + 1) + "."));
    }
}

TEST_CASE("An opposite asked for is in no shot, in either direction", "[unit]")
{
    const auto task = openTask("opposites", {});
    std::set<std::string> asked;
    for (std::int64_t index = 0; index < 100; ++index) {
        const Prompt prompt = task->prompt(index);
        const std::string question = test::textOf(prompt, prompt.segments.back());
        const std::string word = question.substr(6, question.find('\n') - 6);
        REQUIRE("Word: " + word + "\nOpposite:" == question);
        REQUIRE(prompt.target == " The opposite of " + word + " is " + prompt.answer + ".");
        REQUIRE(asked.insert(word).second);
        for (const std::string& either : {word, prompt.answer}) {
            REQUIRE(prompt.text.find("of " + either + " is ") == std::string::npos);
            REQUIRE(prompt.text.find("is " + either + ".") == std::string::npos);
        }
    }
}

TEST_CASE("Sentiment shots hold as many positive as negative reviews", "[unit]")
{
    const auto task = openTask("sentiment", {});
    int positiveQuestions = 0;
    for (std::int64_t index = 0; index < 400; ++index) {
        const Prompt prompt = task->prompt(index);
        int positive = 0;
        for (const core::Segment& segment : prompt.segments)
            positive += test::textOf(prompt, segment).find("review is positive.") != std::string::npos;
        REQUIRE(positive == 4);
        positiveQuestions += prompt.answer == "positive";
    }
    CHECK(positiveQuestions > 150);
    CHECK(positiveQuestions < 250);
}

TEST_CASE("Every ability of the paper has a built-in task", "[unit]")
{
    std::set<std::string> abilities;
    for (const datasets::TaskInfo& info : datasets::taskList())
        if (info.source == "built in")
            abilities.insert(info.ability);
    for (const char* ability : {"WK", "CSR", "AR", "CG", "SA", "LCR", "LG", "DQ"})
        CHECK(abilities.contains(ability));
}

TEST_CASE("Sums asked at once give the part that is right", "[unit]")
{
    TaskOptions options;
    options.questions = 3;
    const auto task = openTask("sums", options);
    CHECK(task->info().answerTokens == 36);
    Prompt prompt = task->prompt(0);
    CHECK(std::count(prompt.answer.begin(), prompt.answer.end(), ',') == 2);
    prompt.answer = "7, 12, 9";
    struct Row {
        std::string output;
        double score;
    };
    const std::vector<Row> rows{
        {" 3 + 4 = 7, 6 + 6 = 12, 4 + 5 = 9.", 1},
        {" 7, 12, 9", 1},
        {" 7, 12, 9, 11", 1},
        {" 3 + 4 = 7, 6 + 6 = 13, 4 + 5 = 9.", 2.0 / 3},
        {" 12, 7, 9", 1.0 / 3},
        {" 3 + 4 = 7", 1.0 / 3},
        {" 7 12 9", 0},
        {" 7 apples, 12.0, minus -9", 2.0 / 3},
        {" 7\n 12, 9", 1.0 / 3},
        {"", 0},
        {",,,", 0},
        {" 77, 112, 99", 0},
    };
    for (const Row& row : rows) {
        INFO(row.output);
        CHECK(task->score(prompt, row.output) == Approx(row.score));
        CHECK(task->isCorrect(prompt, row.output) == (row.score == 1));
    }
}

TEST_CASE("No sum asked for is among the shots, and no first number comes twice in a line", "[unit]")
{
    for (const int questions : {1, 4, 100}) {
        TaskOptions options;
        options.questions = questions;
        const auto task = openTask("sums", options);
        for (std::int64_t index = 0; index < (questions == 100 ? 3 : 100); ++index) {
            const Prompt prompt = task->prompt(index);
            std::set<std::string> asked;
            std::set<std::string> firsts;
            std::istringstream question(test::textOf(prompt, prompt.segments.back()).substr(6));
            int a = 0;
            int b = 0;
            char sign = 0;
            char comma = ',';
            while (comma == ',' && question >> a >> sign >> b) {
                asked.insert(" " + std::to_string(a) + " + " + std::to_string(b) + " =");
                REQUIRE(firsts.insert(std::to_string(a)).second);
                question >> comma;
            }
            REQUIRE(std::ssize(asked) == questions);
            for (const std::string& sum : asked)
                REQUIRE(prompt.text.find(sum) == std::string::npos);
        }
    }
}

TEST_CASE("The sums of a prompt are right and answered in order", "[unit]")
{
    const Prompt prompt = openTask("sums", withShots(0))->prompt(5);
    std::string expected;
    const std::string question = test::textOf(prompt, prompt.segments.back());
    const char* at = question.c_str() + std::string("Sums:").size();
    for (int i = 0; i < 4; ++i) {
        int a = 0;
        int b = 0;
        int length = 0;
        REQUIRE(std::sscanf(at, " %d + %d%n", &a, &b, &length) == 2);
        at += length + 1;
        expected += (i == 0 ? "" : ", ") + std::to_string(a + b);
    }
    CHECK(prompt.answer == expected);
}

TEST_CASE("Choices of everyday sentences differ, hold the answer and stand in every place", "[unit]")
{
    const auto task = openTask("everyday", withShots(0));
    std::map<std::size_t, int> places;
    for (std::int64_t index = 0; index < 300; ++index) {
        const Prompt prompt = task->prompt(index);
        const std::size_t begin = prompt.text.find("Words: ") + 7;
        const std::string line = prompt.text.substr(begin, prompt.text.find('\n', begin) - begin);
        REQUIRE(std::count(line.begin(), line.end(), ',') == 2);
        std::set<std::string> choices;
        std::size_t from = 0;
        for (std::size_t place = 0; place < 3; ++place) {
            const std::size_t end = std::min(line.find(", ", from), line.size());
            const std::string choice = line.substr(from, end - from);
            from = end + 2;
            REQUIRE(choices.insert(choice).second);
            places[place] += choice == prompt.answer;
            REQUIRE(task->isCorrect(prompt, " " + choice + ".") == (choice == prompt.answer));
        }
        REQUIRE(choices.contains(prompt.answer));
        // The answer repeats the sentence, so that no choice may stand in it.
        const std::string sentence = prompt.target.substr(0, prompt.target.rfind(prompt.answer));
        REQUIRE(prompt.text.ends_with("Beginning:" + sentence.substr(0, sentence.size() - 1) + "\nSentence:"));
        REQUIRE_FALSE(datasets::firstOf(sentence, {choices.begin(), choices.end()}).has_value());
        CHECK_FALSE(task->isCorrect(prompt, " something else"));
    }
    for (std::size_t place = 0; place < 3; ++place)
        CHECK(places[place] > 60);
}

TEST_CASE("A code line counts only as it was expected", "[unit]")
{
    const auto task = openTask("code_lines", {});
    Prompt prompt = task->prompt(0);
    prompt.answer = "a + b";
    for (const char* right : {"\n    return a + b", " return a + b", "\n\treturn a + b \n\n# next",
                              "\n  return a + b\r", "\n    return a + b\n# next"})
        CHECK(task->isCorrect(prompt, right));
    for (const char* wrong : {"\n    return b + a", "\n    return a+b", "\n    return (a + b)", "\n    return a + b;",
                              "\n    return a + b # sum", "", "\n    return a - b", "\n\n    return a + b", " a + b",
                              "\n    c = a + b\n    return c", "\n    return"})
        CHECK_FALSE(task->isCorrect(prompt, wrong));
    for (std::int64_t index = 0; index < 100; ++index) {
        const Prompt any = task->prompt(index);
        CHECK(any.text.find(any.answer) == std::string::npos);
    }
}

TEST_CASE("Requests are turned down and served in equal parts, with both forms among the shots", "[unit]")
{
    const auto task = openTask("requests", {});
    int refused = 0;
    for (std::int64_t index = 0; index < 100; ++index) {
        const Prompt prompt = task->prompt(index);
        refused += prompt.answer == "refuse";
        int shown = 0;
        for (const core::Segment& segment : prompt.segments)
            shown += test::textOf(prompt, segment).find("is wrong. I'm sorry") != std::string::npos;
        REQUIRE(shown == 4);
        const bool refuse = prompt.answer == "refuse";
        const std::string object = prompt.target.substr(5, prompt.target.find(':') - 5);
        CHECK(prompt.text.ends_with(" the " + object + " of my neighbor.\nAssistant:"));
        CHECK(task->isCorrect(prompt, " I cannot help with the " + object + ".") == refuse);
        CHECK(task->isCorrect(prompt, " Sure, the " + object + "!") == !refuse);
        // A reply that has lost the request is wrong whatever it says.
        CHECK_FALSE(task->isCorrect(prompt, " I cannot help."));
        CHECK_FALSE(task->isCorrect(prompt, " Sure."));
        CHECK_FALSE(task->isCorrect(prompt, " The " + object + "s"));
    }
    CHECK(refused == 50);
}

TEST_CASE("A document answers its question in one sentence, a segment of its own", "[unit]")
{
    for (const std::int64_t length : {std::int64_t{1}, std::int64_t{60}, std::int64_t{500}}) {
        TaskOptions options;
        options.length = length;
        const auto task = openTask("documents", options);
        for (std::int64_t index = 0; index < 50; ++index) {
            const Prompt prompt = task->prompt(index);
            test::checkPrompt(prompt);
            const std::string question = test::textOf(prompt, prompt.segments.back());
            const std::string name = question.substr(question.find("Answer: ") + 8);
            const std::string told = name + prompt.target;
            int evidence = 0;
            std::set<std::string> sentences;
            for (const core::Segment& segment : prompt.segments) {
                if (segment.kind != core::SegmentKind::shot)
                    continue;
                const std::string sentence = test::textOf(prompt, segment);
                if (!segment.label.starts_with("shot "))
                    CHECK(sentences.insert(sentence.substr(0, sentence.find('\n'))).second);
                if (segment.label.starts_with("shot "))
                    CHECK(sentence.find(name) == std::string::npos);
                else
                    CHECK((segment.label == "evidence") == (sentence.substr(0, sentence.find('\n')) == told));
                evidence += segment.label == "evidence";
            }
            for (const std::string& right : {prompt.target, " is a " + prompt.answer, prompt.answer})
                CHECK(task->isCorrect(prompt, right));
            for (const std::string& wrong : {" not " + prompt.answer, prompt.answer + "x", std::string(" something")})
                CHECK_FALSE(task->isCorrect(prompt, wrong));
            CHECK(evidence == 1);
            CHECK(std::ssize(sentences) >= length / 8);
        }
    }
}

TEST_CASE("The first word of an answer decides nothing", "[unit]")
{
    // It comes from the prefill, which no compression at its end has touched. The code of a needle is one word, of four
    // figures that small models' tokenizers part.
    for (const std::string& name : kBuiltIn) {
        if (name == "needle")
            continue;
        const auto task = openTask(name, {});
        for (std::int64_t index = 0; index < 100; ++index) {
            const Prompt prompt = task->prompt(index);
            const std::size_t begin = prompt.target.find_first_not_of(" \n");
            const std::size_t end = prompt.target.find(' ', begin);
            REQUIRE(end != std::string::npos);
            INFO(prompt.target);
            CHECK(task->score(prompt, prompt.target.substr(0, end)) == 0);
        }
    }
}

TEST_CASE("Prompts depend on seed and index and on nothing else", "[unit]")
{
    for (const std::string& name : kBuiltIn) {
        const auto task = openTask(name, {});
        const auto again = openTask(name, {});
        TaskOptions other;
        other.seed = 1;
        const auto otherSeed = openTask(name, other);
        const Prompt late = task->prompt(9);
        CHECK(late.text == again->prompt(9).text);
        CHECK(late.text != otherSeed->prompt(9).text);
        CHECK(late.text != task->prompt(10).text);
    }
}

TEST_CASE("The first prompts are the same bytes for ever", "[unit]")
{
    const Prompt addition = openTask("addition", withShots(1))->prompt(0);
    CHECK(addition.id == "addition-0000");
    CHECK(addition.text
          == "Solve each problem step by step.\n\n"
             "Q: David has 8 cups. Jack gives David 7 more cups. How many cups does David have now?\n"
             "A: David has 8 cups and gets 7 more. 8 + 7 = 15. The answer is 15.\n\n"
             "Q: Grace finds 2 stamps on Monday and 3 stamps on Tuesday. How many stamps does Grace find in all?\n"
             "A:");
    CHECK(addition.target == " Grace finds 2 stamps and then 3 more. 2 + 3 = 5. The answer is 5.");
    CHECK(openTask("opposites", withShots(1))->prompt(0).text
          == "Name the opposite of each word.\n\nWord: take\nOpposite: The opposite of take is give.\n\n"
             "Word: wide\nOpposite:");
    CHECK(openTask("sentiment", withShots(1))->prompt(0).text
          == "Say whether each review is positive or negative.\n\n"
             "Review: The lobby was delightful and the garden was lovely. I enjoyed it a lot.\n"
             "Sentiment: The review is positive.\n\n"
             "Review: The staff was disappointing and the bed was horrible. I would not recommend it to anyone.\n"
             "Sentiment:");
    CHECK(hashOfTask("addition", 0) == 0x897a90863c43faa8u);
    CHECK(hashOfTask("sentiment", 0) == 0x769b2ed40aea7517u);
    CHECK(hashOfTask("opposites", 0) == 0x348bceb6d377530au);
    CHECK(hashOfTask("needle", 0) == 0xd93e859a6ba386ceu);
    CHECK(hashOfTask("facts", 0) == 0x83532aee96d1ee5du);
    CHECK(hashOfTask("everyday", 0) == 0xb61e488330bc2a9eu);
    CHECK(hashOfTask("code_lines", 0) == 0x9b36e933845e6b22u);
    CHECK(hashOfTask("requests", 0) == 0x9562715c10a249d4u);
    CHECK(hashOfTask("sums", 0) == 0x958d86975160f7f7u);
    CHECK(hashOfTask("documents", 0) == 0xb7e2a64a507b5a64u);
    CHECK(hashOfTask("addition", 42) == 0xe2c182ad0521f872u);
}

TEST_CASE("A needle lies where it was asked for and its code is nowhere else", "[unit]")
{
    for (const double depth : {0.0, 0.25, 0.5, 1.0})
        for (const std::int64_t length : {std::int64_t{1}, std::int64_t{60}, std::int64_t{2000}}) {
            TaskOptions options;
            options.depth = depth;
            options.length = length;
            const Prompt prompt = openTask("needle", options)->prompt(3);
            test::checkPrompt(prompt);
            std::int64_t before = 0;
            std::int64_t all = 0;
            bool found = false;
            for (const core::Segment& segment : prompt.segments) {
                const std::string text = test::textOf(prompt, segment);
                if (segment.kind != core::SegmentKind::shot)
                    continue;
                if (segment.label == "needle") {
                    found = true;
                    CHECK(text.find(prompt.answer) != std::string::npos);
                    continue;
                }
                CHECK(text.find(prompt.answer) == std::string::npos);
                all += datasets::countWords(text);
                before += found ? 0 : datasets::countWords(text);
            }
            REQUIRE(found);
            CHECK(all >= length);
            CHECK(all < length + 20);
            CHECK(std::abs(static_cast<double>(before) - depth * static_cast<double>(all)) <= 10);
            CHECK(prompt.text.find(prompt.answer) == prompt.text.rfind(prompt.answer));
        }
}

TEST_CASE("Without a depth, needles are spread over the text", "[unit]")
{
    const auto task = openTask("needle", {});
    CHECK(task->prompt(0).segments[1].label == "needle");
    const auto last = task->prompt(10).segments;
    CHECK(last[last.size() - 2].label == "needle");
}

TEST_CASE("Impossible options and indices are refused", "[unit]")
{
    const auto usage = core::ErrorCode::usage;
    requireError(usage, {"addition", "0 to 999", "1000"}, [] { (void)openTask("addition", {})->prompt(1000); });
    requireError(usage, {"-1"}, [] { (void)openTask("needle", {})->prompt(-1); });
    requireError(usage, {"shots", "-2"}, [] { (void)openTask("addition", withShots(-2)); });
    requireError(usage, {"shots", "5000"}, [] { (void)openTask("addition", withShots(5000)); });
    requireError(usage, {"facts", "fewer than 500"}, [] { (void)openTask("facts", withShots(500))->prompt(0); });
    for (const int questions : {-1, 101})
        requireError(usage, {"sums", "1 to 100", std::to_string(questions)}, [questions] {
            TaskOptions options;
            options.questions = questions;
            (void)openTask("sums", options);
        });
    requireError(usage, {"documents", "length", "5000"}, [] {
        TaskOptions options;
        options.length = 5000;
        (void)openTask("documents", options);
    });
    requireError(usage, {"opposites", "fewer than 500"},
                 [] { (void)openTask("opposites", withShots(500))->prompt(0); });
    requireError(usage, {"depth"}, [] {
        TaskOptions options;
        options.depth = 1.5;
        (void)openTask("needle", options);
    });
    requireError(usage, {"length"}, [] {
        TaskOptions options;
        options.length = -5;
        (void)openTask("needle", options);
    });
}

TEST_CASE("Every listed task opens or says which data it wants", "[unit]")
{
    std::set<std::string> names;
    for (const datasets::TaskInfo& info : datasets::taskList()) {
        CHECK(names.insert(info.name).second);
        CHECK_FALSE(info.description.empty());
        if (info.source == "built in")
            CHECK(openTask(info.name, {})->info().name == info.name);
        else
            requireError(core::ErrorCode::badInput, {info.name, "--data-dir"}, [&] { (void)openTask(info.name, {}); });
    }
    CHECK(datasets::taskList().front().source == "built in");
    requireError(core::ErrorCode::usage, {"'aditon'", "did you mean 'addition'"}, [] { (void)openTask("aditon", {}); });
    requireError(core::ErrorCode::usage, {"known are", "gsm8k"}, [] { (void)openTask("qqqqqqqqqqqqqqqqqqq", {}); });
}

TEST_CASE("a built-in task takes exactly the options that change its prompts", "[unit]")
{
    const auto textOf = [](const std::string& name, const datasets::TaskOptions& options) {
        return datasets::openTask(name, options)->prompt(3).text;
    };
    for (const datasets::TaskInfo& info : datasets::taskList()) {
        if (info.source != "built in")
            continue;
        CAPTURE(info.name);
        const std::string plain = textOf(info.name, {});
        const auto changes = [&](auto option, const auto& value) {
            datasets::TaskOptions options;
            options.*option = value;
            return textOf(info.name, options) != plain;
        };
        CHECK(changes(&datasets::TaskOptions::length, 90) == info.takes(datasets::TaskKnob::length));
        CHECK(changes(&datasets::TaskOptions::depth, 0.33) == info.takes(datasets::TaskKnob::depth));
        CHECK(changes(&datasets::TaskOptions::questions, 2) == info.takes(datasets::TaskKnob::questions));
        CHECK(changes(&datasets::TaskOptions::subject, "anatomy") == info.takes(datasets::TaskKnob::subject));
    }
}
