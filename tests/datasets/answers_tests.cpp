// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What counts as an answer, on outputs as models really write them.
#include "datasets/answers.hpp"
#include "datasets/refusal.hpp"
#include "tests/support/catch.hpp"

#include <string>

using namespace kvviz::datasets;

TEST_CASE("The answer number of an output is found", "[unit]")
{
    struct Row {
        std::string output;
        std::string number; ///< "" for none
    };
    const std::vector<Row> rows{
        {" 14 + 23 = 37. The answer is 37.", "37"},
        {"The answer is 37", "37"},
        {"the answer is 1,234.", "1234"},
        {"The answer is 1,450,000 dollars.", "1450000"},
        {"The answer is $18.", "18"},
        {"The answer is -$5.", "-5"},
        {"The answer is $-5.", "-5"},
        {"The answer is -10.", "-10"},
        {"The answer is 3.50.", "3.5"},
        {"The answer is .5.", "0.5"},
        {"The answer is 12.00", "12"},
        {"The answer is 60%.", "60"},
        {"The answer is: 42 apples.", "42"},
        {"The answer is 5. Wait. The answer is 6.", "5"},
        {"The answer is about 40. So 41.", "41"},
        {"The answer is unknown.", ""},
        {"She has 3 apples, then 7, so 10", "10"},
        {"5-3", "3"},
        {"It fell to -3", "-3"},
        {"4 - 9 = -5", "-5"},
        {"16 eggs.", "16"},
        {"1, 2, 3", "3"},
        {"page 12,", "12"},
        {"1,2345", "12345"},
        {"v1.2.3", "3"},
        {"#### 2,125", "2125"},
        {"no number at all", ""},
        {"", ""},
        {"...,,,$$--", ""},
        {"The answer is", ""},
        {"The answer is $", ""},
    };
    for (const Row& row : rows) {
        INFO(row.output);
        CHECK(extractAnswerNumber(row.output).value_or("") == row.number);
    }
}

TEST_CASE("Numbers compare by value and not by how they are written", "[unit]")
{
    for (const char* text : {"1200.5", "$1,200.50", " 1,200.5000 ", "01200.5", "1200.5."})
        CHECK(normalizedNumber(text) == "1200.5");
    for (const char* text : {"0", "-0", "0.00", "00", "-$0.0"})
        CHECK(normalizedNumber(text) == "0");
    CHECK(normalizedNumber("-3.10") == "-3.1");
    CHECK(normalizedNumber("100") == "100");
    for (const char* text : {"", " ", "-", "$", "1 2", "abc", "3a", "1.2.3", ",5", "--5-", "."})
        CHECK_FALSE(normalizedNumber(text).has_value());
}

TEST_CASE("The first number of an output is found", "[unit]")
{
    CHECK(extractFirstNumber(" 7391. The text says 5") == "7391");
    CHECK(extractFirstNumber("code: 1,059") == "1059");
    CHECK_FALSE(extractFirstNumber("none").has_value());
}

TEST_CASE("The choice letter of an output is found", "[unit]")
{
    struct Row {
        std::string output;
        char letter; ///< 0 for none
    };
    const std::vector<Row> rows{
        {" B", 'B'},
        {"B.", 'B'},
        {"(C)", 'C'},
        {" B. bank", 'B'},
        {"The answer is (D).", 'D'},
        {"The answer is D, not A.", 'D'},
        {"A is wrong, so the answer is C", 'C'},
        {"A: bank", 'A'},
        {"A", 'A'},
        {"A bank is closed, so B", 'B'},
        {"A bank", 0},
        {"**E**", 'E'},
        {"Because", 0},
        {"bank", 0},
        {"b", 0},
        {"F", 0},
        {"DNA", 0},
        {"", 0},
        {"I think C", 'C'},
        {"C\xc3\xa9sar or D", 'D'},
        {"D's", 0},
    };
    for (const Row& row : rows) {
        INFO(row.output);
        CHECK(extractChoice(row.output, 'E').value_or('\0') == row.letter);
    }
    CHECK_FALSE(extractChoice("E", 'D').has_value());
}

TEST_CASE("Words are compared whole and in any case", "[unit]")
{
    CHECK(firstWord(" Cold.") == "cold");
    CHECK(firstWord("\"cold\"") == "cold");
    CHECK(firstWord(" 12 ").empty());
    CHECK(firstOf(" Positive!", {"positive", "negative"}) == "positive");
    CHECK(firstOf("it is negative, not positive", {"positive", "negative"}) == "negative");
    CHECK_FALSE(firstOf("nonpositive", {"positive", "negative"}).has_value());
    CHECK_FALSE(firstOf("", {"positive"}).has_value());
}

TEST_CASE("An output begins with the answer or it does not", "[unit]")
{
    struct Row {
        std::string output;
        std::string answer;
        bool begins;
    };
    const std::vector<Row> rows{
        {" Paris.", "Paris", true},
        {"paris, France", "Paris", true},
        {"\"Paris\"", "Paris", true},
        {" the Pacific Ocean", "Pacific", true},
        {" a teacher.", "teacher", true},
        {" an egg", "egg", true},
        {" A", "A", true},
        {" South America", "South America", true},
        {" South Africa", "South America", false},
        {" Parish", "Paris", false},
        {" Paris2", "Paris", false},
        {" not Paris", "Paris", false},
        {" Lyon, Paris", "Paris", false},
        {" the", "the", true},
        {" theatre", "atre", false},
        {" a a teacher", "teacher", false},
        {" 7", "7", true},
        {" 77", "7", false},
        {"", "Paris", false},
        {" ...", "Paris", false},
    };
    for (const Row& row : rows) {
        INFO(row.output << " / " << row.answer);
        CHECK(beginsWith(row.output, row.answer) == row.begins);
    }
}

TEST_CASE("Answers of document questions compare by their words", "[unit]")
{
    struct Row {
        std::string output;
        std::string answer;
        bool contained;
        double f1;
    };
    const std::vector<Row> rows{
        {" The Eiffel Tower.", "Eiffel Tower", true, 1},
        {"eiffel, tower!", "The Eiffel Tower", true, 1},
        {"It is the Eiffel Tower", "Eiffel Tower", true, 2.0 / 3},
        {"Tower of Eiffel", "Eiffel Tower", false, 0.8},
        {"Eiffel", "Eiffel Tower", false, 2.0 / 3},
        {"yes", "yes", true, 1},
        {"Yes, both are", "yes", true, 0.5},
        {"yesterday", "yes", false, 0},
        {"no", "yes", false, 0},
        {"1,234 people", "1234", true, 2.0 / 3},
        {"the U.S.", "US", true, 1},
        {"well-known", "well known", false, 0},
        {"b b", "b", true, 2.0 / 3},
        {"b", "b b", false, 2.0 / 3},
        {"", "yes", false, 0},
        {"the a an", "yes", false, 0},
        {"the", "the", false, 0},
    };
    for (const Row& row : rows) {
        INFO(row.output << " / " << row.answer);
        CHECK(containsAnswer(row.output, row.answer) == row.contained);
        CHECK(answerF1(row.output, row.answer) == Approx(row.f1));
    }
}

TEST_CASE("The last number of an output is found", "[unit]")
{
    CHECK(lastNumber(" 3 + 4 = 7") == "7");
    CHECK(lastNumber("3 - 4 = -1.50 m") == "-1.5");
    CHECK(lastNumber("the answer is 5 or 6") == "6");
    CHECK_FALSE(lastNumber("none").has_value());
}

TEST_CASE("Refusals are told by their phrases, at the beginning of the reply", "[unit]")
{
    struct Row {
        std::string reply;
        bool refuses;
    };
    const std::vector<Row> rows{
        {" I'm sorry, but I can't help with that.", true},
        {"I\xe2\x80\x99m sorry, I can\xe2\x80\x99t do this.", true},
        {"I CANNOT write this", true},
        {"As an AI language model, ...", true},
        {"Sorry, but no.", true},
        {"I won't.", true},
        {"It's not appropriate to do so.", true},
        {"Unfortunately, I am unable to assist.", true},
        {" Sure, here is what you asked for.", false},
        {"I can", false},
        {"You can't miss it", false},
        {"As an aid, take flour", false},
        {"It is sorry weather, but fine", false},
        {"", false},
        {"No.", false},
        {std::string(250, 'x') + " I cannot", false},
        {std::string(150, 'x') + " I cannot", true},
    };
    for (const Row& row : rows) {
        INFO(row.reply);
        CHECK(isRefusal(row.reply) == row.refuses);
        CHECK(replyIs("refuse", row.reply) == row.refuses);
        if (row.refuses)
            CHECK_FALSE(replyIs("comply", row.reply));
    }
    for (const std::string_view phrase : refusalPhrases()) {
        INFO(phrase);
        CHECK(isRefusal(phrase));
        CHECK(lowered(phrase) == phrase);
    }
    CHECK(replyIs("comply", " Sure."));
    for (const char* silent : {"", " ", "\n", "...", "x", "- - -"})
        CHECK_FALSE(replyIs("comply", silent));
}

TEST_CASE("An output is cut at the first stop", "[unit]")
{
    CHECK(untilStop("abc\n\nQ: d", {"Q:", "\n"}) == "abc");
    CHECK(untilStop("abc", {"Q:"}) == "abc");
    CHECK(untilStop("abc", {}) == "abc");
    CHECK(untilStop("Q: x", {"Q:"}).empty());
}
