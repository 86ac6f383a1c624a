// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What counts as an answer, on outputs as models really write them.
#include "datasets/answers.hpp"
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

TEST_CASE("An output is cut at the first stop", "[unit]")
{
    CHECK(untilStop("abc\n\nQ: d", {"Q:", "\n"}) == "abc");
    CHECK(untilStop("abc", {"Q:"}) == "abc");
    CHECK(untilStop("abc", {}) == "abc");
    CHECK(untilStop("Q: x", {"Q:"}).empty());
}
