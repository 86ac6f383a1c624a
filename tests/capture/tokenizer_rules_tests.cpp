// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Rules of the libraries that no fixture shows: added tokens beside and within white space, decoded texts, and bounds on
// what a file can make of a text. The expected ids and texts are those of tokenizers 0.22.2 and sentencepiece 0.2.
#include "tests/support/catch.hpp"

#include "capture/tokenizer_files.hpp"
#include "core/error.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/scratch_folder.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <fstream>
#include <sstream>

using namespace kvviz::capture;
using namespace kvviz::test;
using Catch::Matchers::Contains;
using nlohmann::json;
using Ids = std::vector<std::int32_t>;

namespace {

json sixCharacters()
{
    const json vocabulary{{"a", 0}, {"b", 1}, {"x", 2}, {" ", 3}, {"\n", 4}, {"\u2581", 5}};
    return {{"added_tokens", json::array()},
            {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", json::array()}}}};
}

json addedToken(int id, const std::string& text, std::initializer_list<const char*> flags = {})
{
    json token{{"id", id}, {"content", text}, {"normalized", false}};
    for (const char* flag : flags)
        token[flag] = true;
    return token;
}

Tokenizer tokenizerOf(const json& content)
{
    const ScratchFolder folder;
    folder.write("tokenizer.json", content.dump());
    return loadTokenizer(folder.path());
}

std::string refusal(const json& content)
{
    const std::string message = badInputMessage([&] { (void)tokenizerOf(content); });
    CHECK_THAT(message, Contains("tokenizer.json"));
    return message;
}

Ids idsOf(const Tokenizer& tokenizer, const std::string& text)
{
    Ids ids;
    std::int64_t at = 0;
    for (const Token& token : tokenizer.encode(text)) {
        CHECK(token.begin == at); // the ranges cover the text
        at = token.end;
        ids.push_back(token.id);
    }
    CHECK(at == std::ssize(text));
    return ids;
}

json replaceStep(const std::string& what, const std::string& with)
{
    return {{"type", "Replace"}, {"pattern", {{"String", what}}}, {"content", with}};
}

} // namespace

TEST_CASE("tokens marked as normalized come second also where no normalizer is", "[capture][tokenizer][unit]")
{
    json content = sixCharacters();
    content["added_tokens"] = {addedToken(4, "\n", {"normalized"}), addedToken(6, "<m>", {"lstrip"})};
    CHECK(idsOf(tokenizerOf(content), "a \n<m>b") == Ids{0, 6, 1});
}

TEST_CASE("added tokens are found also in white space that another has taken", "[capture][tokenizer][unit]")
{
    json content = sixCharacters();
    content["added_tokens"] = {addedToken(6, "<m>", {"rstrip"}), addedToken(7, "\n\n")};
    const Tokenizer right = tokenizerOf(content);
    CHECK(idsOf(right, "<m>\n\nx") == Ids{6, 7, 2});
    CHECK(idsOf(right, "<m> \n\n x") == Ids{6, 7, 3, 2}); // the last space is told twice
    CHECK(idsOf(right, "<m>\n\n\n\nx") == Ids{6, 7, 7, 2});
    CHECK(idsOf(right, "<m>\n\n<m>\n\n") == Ids{6, 7, 6, 7});

    content["added_tokens"] = {addedToken(6, "<m>", {"lstrip", "rstrip"}), addedToken(7, " a ")};
    const Tokenizer both = tokenizerOf(content);
    CHECK(idsOf(both, "<m>  <m>  ") == Ids{6, 6});
    CHECK(idsOf(both, "<m> a <m>") == Ids{6, 7, 6});
    CHECK(idsOf(both, "<m>  a  <m>x") == Ids{6, 7, 6, 2});

    content["added_tokens"] = {addedToken(6, "<m>", {"rstrip"}), addedToken(7, "\n\n", {"lstrip", "rstrip"})};
    const Tokenizer nothingLeft = tokenizerOf(content);
    CHECK(idsOf(nothingLeft, "<m>\n\nx") == Ids{6, 2});
    CHECK(idsOf(nothingLeft, "<m> \n\n b") == Ids{6, 1});
    const auto begin = std::chrono::steady_clock::now();
    (void)nothingLeft.encode(std::string(1'000'000, '\n'));
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(60)); // quadratic, it would take hours
}

TEST_CASE("a decoder treats added tokens as others", "[capture][tokenizer][unit]")
{
    json content = sixCharacters();
    content["added_tokens"] = {addedToken(6, "\u2581<m>"), addedToken(7, "<0x41>")};
    content["decoder"] = {
        {"type", "Sequence"},
        {"decoders", {replaceStep("\u2581", " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}}}};
    CHECK(tokenizerOf(content).decode({0, 6, 7, 1}) == "a <m>Ab");

    content["decoder"] = {{"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "always"}};
    const Tokenizer always = tokenizerOf(content);
    CHECK(always.decode({6, 0, 5, 1}) == "<m>a b");
    CHECK(always.decode({3, 0, 5}) == " a "); // a space, not a mark
    CHECK(always.decode({5, 5, 0}) == " a");
    content["decoder"]["prepend_scheme"] = "never";
    const Tokenizer never = tokenizerOf(content);
    CHECK(never.decode({6, 0, 5, 1}) == " <m>a b");
    CHECK(never.decode({5, 5, 0}) == "  a");
    content["decoder"]["replacement"] = "ab";
    CHECK_THAT(refusal(content), Contains("'replacement' is not one character"));
}

TEST_CASE("a tokenizer.model says what its decoded text loses in front", "[capture][tokenizer][unit]")
{
    std::ifstream file(std::string(KVVIZ_TEST_DATA) + "/tokenizers/sentencepiece.model", std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    const ScratchFolder folder;
    const auto decoded = [&](char addDummyPrefix, char removeExtraWhitespaces) {
        // Of a message that stands twice in a protocol buffer, the second one's values count.
        const std::string settings{'\x1a', '\x04', '\x18', addDummyPrefix, '\x20', removeExtraWhitespaces};
        folder.write("tokenizer.model", bytes.str() + settings);
        const Tokenizer tokenizer = loadTokenizer(folder.path());
        std::int32_t space = 0, a = 0;
        for (std::int32_t id = 0; id < tokenizer.vocabSize(); ++id) {
            space = tokenizer.bytesOf(id) == " " ? id : space;
            a = tokenizer.bytesOf(id) == "a" ? id : a;
        }
        return tokenizer.decode({space, space, a});
    };
    CHECK(decoded(0, 0) == "  a");
    CHECK(decoded(1, 0) == " a");
    CHECK(decoded(0, 1) == "a");
    CHECK(decoded(1, 1) == "a");
}

TEST_CASE("a normalizer that lets a text grow without end is stopped", "[capture][tokenizer][unit]")
{
    json content = sixCharacters();
    json steps = json::array();
    for (int i = 0; i < 10; ++i)
        steps.push_back(replaceStep("a", std::string(10, 'a')));
    content["normalizer"] = {{"type", "Sequence"}, {"normalizers", steps}};
    const Tokenizer tokenizer = tokenizerOf(content);
    CHECK_THAT(badInputMessage([&] { (void)tokenizer.encode("aaaa"); }), Contains("the normalizer makes more than"));
    CHECK(tokenizer.encode("b").size() == 1);
    content["added_tokens"] = {addedToken(6, "a<m>", {"normalized"})};
    CHECK_THAT(refusal(content), Contains("the normalizer makes more than"));
}

TEST_CASE("a decoder that lets a token grow without end is refused", "[capture][tokenizer][unit]")
{
    json content = sixCharacters();
    json steps = json::array();
    for (int i = 0; i < 6; ++i)
        steps.push_back(replaceStep("a", std::string(100, 'a')));
    content["decoder"] = {{"type", "Sequence"}, {"decoders", steps}};
    const auto begin = std::chrono::steady_clock::now();
    CHECK_THAT(refusal(content), Contains("the decoder makes more than 65536 bytes of the token 'a'"));
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
}

TEST_CASE("ids of added tokens have one bound and each its own text", "[capture][tokenizer][unit]")
{
    json content = sixCharacters();
    for (int i = 1; i < 200; ++i)
        content["added_tokens"].push_back(addedToken(60'000 * i, "<" + std::to_string(i) + ">"));
    CHECK_THAT(refusal(content), Contains("added_tokens[1]") && Contains("120000"));

    content = sixCharacters();
    content["added_tokens"] = {addedToken(6, "<m>"), addedToken(6, "<n>")};
    CHECK_THAT(refusal(content), Contains("'<m>' and '<n>' both have the id 6"));
}

TEST_CASE("messages name what the file says", "[capture][tokenizer][unit]")
{
    json content = sixCharacters();
    content["decoder"] = {{"type", "ByteLevel"}};
    CHECK_THAT(refusal(content), Contains("the decoder is byte-level (ByteLevel), but the pre_tokenizer is not"));
    content = sixCharacters();
    content["pre_tokenizer"] = {
        {"type", "Split"}, {"pattern", {{"Regex", R"(\s\p{Nonsense})"}}}, {"behavior", "Isolated"}};
    CHECK_THAT(refusal(content), Contains(R"('\s\p{Nonsense}')") && !Contains("sc:"));
}
