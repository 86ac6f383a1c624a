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
        {"The answer is not 5. The answer is 6.", "6"},
        {"The answer is not 5. The answer is 6, so 4 are left.", "6"},
        {"The answer is not 5.", ""},
        {"It is not 5 but 6", "6"},
        {"6, not 5", "6"},
        {"NOT -5 and not $7, so 8", "8"},
        {"A knot 5 wide", "5"},
        {"The answer is either 5 or 6.", "6"},
        {"The answer is **7**. 9", "9"},
        {"The answer is \xe2\x88\x92" "5.", "-5"},
        {"It fell by 4 to \xe2\x88\x92" "3", "-3"},
        {"7\xe2\x88\x92" "3", "3"},
        {"The answer is \xe2\x80\x9c" "15\xe2\x80\x9d.", "15"},
        {"The answer is \xe2\x82\xac" "12.", "12"},
        {"5\xc2\xa0km", "5"},
        {"12kg of salt", "12"},
        {"the 3rd of 4 parts", "4"},
        {"1/2", "2"},
        {"\xef\xbc\x95", ""},
        {"five", ""},
        {"The answer is 5The answer is 6", "5"},
        {"The Answer Is: 1,000,000", "1000000"},
        {"The answer is 1,00.", "100"},
        {"The answer is\n\n8", "8"},
        {"The answer is 007.", "7"},
        {"the answer is the answer is 4", "4"},
        {"The answer is 99999999999999999999999999.", "99999999999999999999999999"},
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
    CHECK(extractFirstNumber("not 1234 but 5678") == "5678");
    CHECK_FALSE(extractFirstNumber("not 1234").has_value());
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
        {"The answer is not B. The answer is C.", 'C'},
        {"The answer is not B.", 0},
        {"not B but C", 'C'},
        {"Both A and B", 'A'},
        {"A or B", 'A'},
        {"A is right", 'A'},
        {"B, C", 'B'},
        {"The answer is either. D", 'D'},
        {"The answer is: \"B\"", 'B'},
        {"the ANSWER IS (b)", 0},
        {"\xef\xbc\xa2", 0},
        {"(A) bank (B) sea", 'A'},
        {"A\n", 'A'},
        {"Answer: E. hat", 'E'},
    };
    for (const Row& row : rows) {
        INFO(row.output);
        CHECK(extractChoice(row.output, 'E').value_or('\0') == row.letter);
    }
    CHECK_FALSE(extractChoice("E", 'D').has_value());
}

TEST_CASE("Words are compared whole and in any case", "[unit]")
{
    CHECK(firstOf(" Positive!", {"positive", "negative"}) == "positive");
    CHECK(firstOf("it is negative, not positive", {"positive", "negative"}) == "negative");
    CHECK(firstOf("not positive: negative", {"positive", "negative"}) == "negative");
    CHECK_FALSE(firstOf("not \"positive\"", {"positive", "negative"}).has_value());
    CHECK(firstOf("knot positive", {"positive", "negative"}) == "positive");
    CHECK(firstOf("\xe2\x80\x9cPOSITIVE\xe2\x80\x9d negative", {"positive", "negative"}) == "positive");
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

TEST_CASE("A sentence is completed with its own words or by the answer alone", "[unit]")
{
    Prompt prompt;
    prompt.target = " The capital of France is Paris.";
    prompt.answer = "Paris";
    struct Row {
        const char* output;
        bool right;
    };
    for (const Row& row : {Row{" The capital of France is Paris.", true},
                           {" the capital of france is PARIS", true},
                           {" The capital of France is the Paris.", true},
                           {" Paris.", true},
                           {"\tParis, of course", true},
                           {" The capital of Italy is Paris.", false},
                           {" The capital of France is Rome, not Paris.", false},
                           {" The capital of France is not Paris.", false},
                           {" The capital of France is Parish.", false},
                           {" The capital of France is", false},
                           {" The capital of France", false},
                           {" The capital of Paris is France.", false},
                           {" Rome. Paris.", false},
                           {"", false},
                           {" \n", false}}) {
        INFO(row.output);
        CHECK(completes(row.output, prompt) == row.right);
    }
    prompt.target = " yes";
    prompt.answer = "yes";
    CHECK(completes("Yes!", prompt));
    CHECK_FALSE(completes("yesterday", prompt));
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
