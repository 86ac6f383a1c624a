// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Expressions of a tokenizer.json: the same matches, pieces and replaced texts as the tokenizers library (0.22.2) gives,
// also of empty matches, and refusals of what means something else. The expected values are that library's.
#include "tests/support/catch.hpp"

#include "capture/foreign_pattern.hpp"
#include "capture/pattern.hpp"
#include "capture/pre_tokenizer.hpp"
#include "capture/text_normalizer.hpp"
#include "core/error.hpp"
#include "tests/support/bad_input.hpp"

using namespace kvviz::capture;
using namespace kvviz::test;
using Catch::Matchers::Contains;
using Behavior = SplitStep::Behavior;
using Parts = std::vector<std::string>;

namespace {

Parts found(const std::string& expression, const std::string& text)
{
    Parts parts;
    for (const PatternMatch& match : Pattern(expression, PatternOrigin::file).matches(text))
        parts.push_back(text.substr(match.begin, match.length));
    return parts;
}

Parts cut(const std::string& expression, const std::string& text, Behavior behavior = Behavior::isolated,
          bool invert = false)
{
    SplitStep step;
    step.pattern = fromOniguruma(expression);
    step.foreign = true;
    step.behavior = behavior;
    step.invert = invert;
    TextArena arena;
    std::vector<TextPiece> pieces;
    PreTokenizer({step}).cut({text}, arena, pieces);
    Parts parts;
    for (const TextPiece& piece : pieces)
        parts.emplace_back(piece.text);
    return parts;
}

std::string replacedBy(const std::string& expression, const std::string& text, bool isExpression = true)
{
    TextArena arena;
    const std::string pattern = isExpression ? fromOniguruma(expression) : expression;
    const NormalizerStep step{
        .kind = NormalizerStep::Kind::replace, .content = "#", .pattern = pattern, .isExpression = isExpression};
    return std::string(TextNormalizer({step}).apply({text}, arena).text);
}

} // namespace

TEST_CASE("what Oniguruma writes otherwise is rewritten", "[capture][tokenizer][unit]")
{
    CHECK(fromOniguruma(R"([^\s\p{L}])") == R"([^\p{White_Space}\p{L}])");
    CHECK(fromOniguruma(R"(\s+(?!\S)|\\s[\]\[])") == R"(\p{White_Space}+(?!\P{White_Space})|\\s[\]\[])");
    CHECK(fromOniguruma(R"(\p{Han}\p{^Thai}\P{Nd}[[:alpha:]])") == R"(\p{sc:Han}\P{sc:Thai}\P{Nd}[\p{Alphabetic}])");
    CHECK(fromOniguruma("[]a]") == "[\\]a]");
    CHECK(found(fromOniguruma(R"(\s)"), "\u180e \u3000") == Parts{" ", "\u3000"});
    CHECK(found(quotedPattern("a.b\\E[\n"), "a.b\\E[\nacb") == Parts{"a.b\\E[\n"});
    CHECK(found("^b", "a\nb").size() == 1); // lines, as in Ruby
}

TEST_CASE("empty matches cut and are replaced", "[capture][tokenizer][unit]")
{
    CHECK(cut(R"((?=(\d{3})+(?!\d)))", "12345") == Parts{"12", "345"});
    CHECK(found("x*", "axxb") == Parts{"", "xx", ""});
    const std::vector<std::pair<std::string, std::string>> replacements{
        {R"((?=(\d{3})+(?!\d)))", "12345:12#345"}, {R"(\b)", "ab cd:#ab# #cd#"}, {"x*", "axxb:#a#b#"},
        {"a|", "ab:#b#"},                          {"", "ab:#a#b#"},             {"^", "a\nb\n:#a\n#b\n"},
        {"$", "a\nb\n:a#\nb#\n#"},                 {"(?<=a)", "aab:a#a#b"},      {R"(\z)", "ab:ab#"},
        {R"(\A)", "ab:#ab"},                       {R"(\B)", "ab cd:a#b c#d"},   {"a{,2}?", "aa:#a#a#"}};
    for (const auto& [expression, texts] : replacements) {
        const std::size_t colon = texts.find(':');
        INFO(expression);
        CHECK(replacedBy(expression, texts.substr(0, colon)) == texts.substr(colon + 1));
    }
    CHECK(replacedBy("", "a\u00e9", false) == "#a#\u00e9#");
    CHECK(replacedBy("", "", false).empty());
    CHECK(replacedBy("$", "").empty());
}

TEST_CASE("each behaviour treats empty matches as the tokenizers library does", "[capture][tokenizer][unit]")
{
    struct Row {
        Behavior behavior;
        bool invert;
        Parts boundaries, optional, behind, alternative; ///< \b, x*|b, (?<=a)| , a|
    };
    const Parts each{"a", "b", " ", " ", "c", "d", "."};
    const Parts words{"ab", "  ", "cd", "."};
    const std::vector<Row> rows{
        {Behavior::removed, false, words, each, {"a", "b", "cd."}, {"b", " ", " ", "c", "d", "."}},
        {Behavior::removed, true, {}, {}, {" ", " "}, {"a"}},
        {Behavior::isolated, false, words, each, {"a", "b", " ", " ", "cd."}, each},
        {Behavior::isolated, true, words, each, {"a", "b", " ", " ", "cd."}, each},
        {Behavior::mergedWithPrevious, false, words, each, {"a", "b ", " ", "cd."}, each},
        {Behavior::mergedWithPrevious, true, words, each, {"a", "b", " ", " cd."}, {"ab", " ", " ", "c", "d", "."}},
        {Behavior::mergedWithNext, false, words, each, {"a", "b", " ", " cd."}, {"ab", " ", " ", "c", "d", "."}},
        {Behavior::mergedWithNext, true, words, each, {"a", "b ", " ", "cd."}, each},
        {Behavior::contiguous, false, words, each, {"a", "b", "  ", "cd."}, each},
        {Behavior::contiguous, true, words, each, {"a", "b", "  ", "cd."}, each}};
    for (const Row& row : rows) {
        INFO(static_cast<int>(row.behavior) << (row.invert ? " inverted" : ""));
        const auto cutAs = [&](const char* expression) { return cut(expression, "ab  cd.", row.behavior, row.invert); };
        CHECK(cutAs(R"(\b)") == row.boundaries);
        CHECK(cutAs("x*|b") == row.optional);
        CHECK(cutAs("(?<=a)| ") == row.behind);
        CHECK(cutAs("a|") == row.alternative);
        CHECK(cutAs("$|^") == (row.behavior == Behavior::removed && row.invert ? Parts{} : Parts{"ab  cd."}));
    }
}

TEST_CASE("repetitions mean what they mean in Oniguruma", "[capture][tokenizer][unit]")
{
    CHECK(replacedBy("a{1,2}+", "aaaaaab") == "#b"); // not possessive but repeated
    CHECK(replacedBy("(a{1,2}+)a", "aaa") == "#");
    CHECK(replacedBy("(?:a|b){2}+", "ababab") == "#");
    CHECK(replacedBy("a{2}?", "aaaab") == "##b#"); // not lazy but optional
    CHECK(replacedBy("\u00e9{2}?", "\u00e9\u00e9\u00e9\u00e9b") == "##b#");
    CHECK(replacedBy("[a]{,2}", "aaab") == "##b#");
    CHECK(replacedBy("a{2,}?", "aaaa") == "##");
    CHECK(replacedBy("a{2}{3}", std::string(13, 'a')) == "##a");
    CHECK(replacedBy("a++a", "aaa") == "aaa");
    CHECK(replacedBy("a{,}|b{}|c{1|d{ 1}", "a{,}b{}c{1d{ 1}") == "####");
}

TEST_CASE("sets, places and options mean what they mean in Oniguruma", "[capture][tokenizer][unit]")
{
    CHECK(found(fromOniguruma(R"(\w+)"), "a\u0301\u00b2_\u24d0 \u2163") == Parts{"a\u0301\u00b2_\u24d0", "\u2163"});
    CHECK(replacedBy(R"([\w])", "a\u00b2b") == "#\u00b2#"); // within a class, \w has fewer numbers
    CHECK(replacedBy(R"(\b)", "a\u00b2b") == "#a\u00b2b#");
    CHECK(replacedBy(R"(\b)", "\u200da b") == "\u200d#a# #b#");
    CHECK(replacedBy("[[:punct:]]", "a$.\u00a2\u3001") == "a####");
    CHECK(replacedBy("[[:^alpha:][:space:]]", "\u00e91 \u3000") == "\u00e9###");
    CHECK(replacedBy("[[:blank:][:upper:]]", "\t\u3000\n\u00c9\u00e9") == "##\n#\u00e9");
    CHECK(replacedBy("[[:digit:][:cntrl:]]", "\u0661\u0085a") == "##a");
    CHECK(replacedBy("[[:alnum:]]", "a\u0661\u00b2-") == "##\u00b2-");
    CHECK(replacedBy(R"(\p{alpha}|\p{Letter}|\p{lc})", "a\u00e91") == "##1");
    CHECK(replacedBy("(?m).", "a\nb") == "###");
    CHECK(replacedBy("(?m:a.)|(?-m:b.)", "a\nb\nbc") == "#b\n#");
    CHECK(replacedBy("b(?i)A|c", "baCcbC") == "#Cc#"); // the option holds over the |, which splits what is behind it
    CHECK(replacedBy("(?:a(?i)b|c)d", "abD Cd cd aBd") == "abD Cd cd #");
    CHECK(replacedBy(R"(\v|\N{2}|\R)", "\v\nab") == "###");
    CHECK(replacedBy(R"(\u00e9\x{e9}\x41\07\h)", "\u00e9\u00e9A\afx") == "#x");
    CHECK(replacedBy("(?#c)a|(?<n>b)\\k<n>|(c)", "abb") == "##");
}

TEST_CASE("expressions that mean something else or nothing are refused", "[capture][tokenizer][unit]")
{
    for (const char* expression :
         {"(?s).",     "(?|a|b)",      "(?P<n>a)", "(?^a)",      "(*ACCEPT)a", "(*FAIL)|a", "\\pL",        "\\V",
          "\\Qa.\\E",  "\\xe9",        "\\x",      "\\x{110000}", "\\u41",     "\\101",     "\\8a\\12",    "(?x)a b",
          "(?W)\\w",   "(?(1)a|b)",    "(?~ab)",   "(?{x})",     "(?R)",       "\\g<1>",    "\\y",         "[\\R]",
          "[\\W]",     "[\\H]",        "[[:foo:]]", "[[:^alnum:]]", "[a[b]]",   "[a&&b]",    "\\p{Punct}",  "\\p{Xan}",
          "\\p{L&}",   "{2}",          "a|*",      "(?=a)*b",    "^*",         "a+?*",      "(?i)[\\p{Lu}]", "a)",
          "[a",        "\\",           "(?i)[[:upper:]]", "(?'n'a)", "(?",     "(?i",       "\\p{Lu",      "\\C"}) {
        INFO(expression);
        CHECK_THAT(badInputMessage([&] { (void)fromOniguruma(expression); }), Contains("it uses"));
    }
    // Case that is ignored in one group says nothing about the next.
    CHECK(replacedBy(R"((?i:b)|[\p{Lu}])", "aABb") == "a###");
}
