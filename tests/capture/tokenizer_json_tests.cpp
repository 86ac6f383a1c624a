// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Tokenizers of model folders: equality with the tokenizers and sentencepiece libraries on tokenizers built like those
// of published models (tests/python/make_tokenizer_fixtures.py), and byte ranges that cover the text whatever a
// normalizer does to it.
#include "tests/support/catch.hpp"

#include "capture/gguf.hpp"
#include "capture/pattern.hpp"
#include "capture/text_normalizer.hpp"
#include "capture/tokenizer_files.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/scratch_folder.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <random>
#include <set>

using namespace kvviz::capture;
using namespace kvviz::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

std::filesystem::path dataFile(const std::string& name)
{
    return std::filesystem::path(KVVIZ_TEST_DATA) / "tokenizers" / name;
}

json readJson(const std::string& name)
{
    std::ifstream file(dataFile(name));
    REQUIRE(file);
    return json::parse(file);
}

std::vector<std::int32_t> idsOf(const std::vector<Token>& tokens)
{
    std::vector<std::int32_t> ids;
    for (const Token& token : tokens)
        ids.push_back(token.id);
    return ids;
}

/// The ranges stand one after the other and cover the text.
bool covers(const std::vector<Token>& tokens, std::string_view text)
{
    std::int64_t at = 0;
    for (const Token& token : tokens) {
        if (token.begin != at || token.end < token.begin)
            return false;
        at = token.end;
    }
    return tokens.empty() || at == static_cast<std::int64_t>(text.size());
}

bool isCharacterBegin(const std::string& text, std::int64_t at)
{
    return at >= std::ssize(text) || (static_cast<unsigned char>(text[static_cast<std::size_t>(at)]) & 0xc0u) != 0x80u;
}

/// Bytes of the characters with combining marks that overlap or touch bytes `begin` to `end`.
std::int64_t markedAt(const std::vector<PatternMatch>& marked, std::int64_t begin, std::int64_t end)
{
    std::int64_t bytes = 0;
    for (const PatternMatch& match : marked)
        if (static_cast<std::int64_t>(match.begin) <= end
            && static_cast<std::int64_t>(match.begin + match.length) >= begin)
            bytes += static_cast<std::int64_t>(match.length);
    return bytes;
}

/// The library gives the first byte of the character that a token begins in; ours is the byte itself. The first token
/// begins at 0 here also where the library leaves white space at the start out.
void checkBegins(const std::vector<Token>& tokens, const json& row, const std::string& text)
{
    const json& begins = row[1];
    static const Pattern kMarked(R"((?s).?\p{M}+)");
    const std::vector<PatternMatch> marked = kMarked.matches(text);
    for (std::size_t i = 1; i < tokens.size(); ++i) {
        std::int64_t character = tokens[i].begin;
        while (!isCharacterBegin(text, character))
            --character;
        INFO("token " << i << " of " << tokens.size());
        const auto begin = begins[i].get<std::int64_t>();
        if (row.size() < 4) {
            CHECK(character == begin);
            continue;
        }
        // Where characters were joined, left out or put in order, the library names the last of them, or for each byte
        // of an unknown stretch all of it; but the two ranges touch. Combining marks that a normal form puts in order, or
        // joins to what they stand on, change places: the library counts on as they come out, while ours is the
        // character itself. So the ranges of a token at such characters may lie as far apart as these reach, no further.
        const auto end = row[3][i].get<std::int64_t>();
        const std::int64_t slack = markedAt(marked, std::min(character, begin), std::max(tokens[i].end, end));
        CHECK((character <= end + slack && begin <= std::max(tokens[i].end, character) + slack));
    }
}

std::string shown(const std::string& text) { return json(text).dump(-1, ' ', true, json::error_handler_t::replace); }

} // namespace

TEST_CASE("tokens and their places and decoded texts are those of the tokenizers library", "[capture][unit]")
{
    const std::string name = GENERATE("gpt2", "llama3", "qwen2", "deepseek", "llama2", "mistral", "gemma", "unigram",
                                      "unigram-bytes", "mixed", "accents");
    const Tokenizer tokenizer = loadTokenizer(dataFile(name + ".json"));
    const json texts = readJson("texts.json"), expected = readJson(name + ".expected.json");
    REQUIRE(texts.size() == expected.size());
    REQUIRE(texts.size() > 250);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const auto text = texts[i].get<std::string>();
        INFO(name << ": " << shown(text));
        const std::vector<Token> tokens = tokenizer.encode(text);
        REQUIRE(idsOf(tokens) == expected[i][0].get<std::vector<std::int32_t>>());
        CHECK(covers(tokens, text));
        checkBegins(tokens, expected[i], text);
        CHECK(tokenizer.decode(idsOf(tokens)) == (expected[i][2].is_null() ? text : expected[i][2].get<std::string>()));
    }
}

TEST_CASE("SmolLM2's vocabulary as a tokenizer.json gives the tokens of the tokenizers library", "[capture][model]")
{
    const GgufFile file(KVVIZ_TEST_MODEL);
    const std::vector<std::string>& texts = file.strings("tokenizer.ggml.tokens");
    const std::vector<std::int64_t> types = file.integers("tokenizer.ggml.token_type");
    json content{{"pre_tokenizer",
                  {{"type", "Sequence"},
                   {"pretokenizers",
                    {{{"type", "Digits"}, {"individual_digits", true}},
                     {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}}}}},
                 {"decoder", {{"type", "ByteLevel"}}},
                 {"added_tokens", json::array()},
                 {"model", {{"type", "BPE"}, {"merges", file.strings("tokenizer.ggml.merges")}}}};
    for (std::size_t i = 0; i < texts.size(); ++i) {
        content["model"]["vocab"][texts[i]] = i;
        if (types[i] == 3)
            content["added_tokens"].push_back({{"id", i}, {"content", texts[i]}, {"special", true}});
    }
    const ScratchFolder folder;
    folder.write("tokenizer.json", content.dump());
    const Tokenizer tokenizer = loadTokenizer(folder.path());
    CHECK(tokenizer.vocabSize() == 49152);
    std::ifstream lines(std::string(KVVIZ_TEST_DATA) + "/tokenizer-smollm2.jsonl");
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
        const json row = json::parse(line);
        INFO(line);
        const std::vector<Token> tokens = tokenizer.encode(row["text"].get<std::string>());
        CHECK(idsOf(tokens) == row["ids"].get<std::vector<std::int32_t>>());
        CHECK(tokenizer.decode(idsOf(tokens)) == row["decoded"].get<std::string>());
    }
    CHECK(count == 241);
}

TEST_CASE("a tokenizer.model and a GGUF file with its vocabulary give SentencePiece's tokens", "[capture][unit]")
{
    const std::string file = GENERATE("sentencepiece.model", "sentencepiece.gguf");
    const Tokenizer tokenizer = loadTokenizer(dataFile(file));
    CHECK(tokenizer.bos() == 1);
    CHECK(tokenizer.addsBos());
    CHECK(tokenizer.endTokens() == std::vector<std::int32_t>{2});
    CHECK_FALSE(tokenizer.isLossless());
    const json texts = readJson("texts.json"), expected = readJson("sentencepiece.expected.json");
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const auto text = texts[i].get<std::string>();
        INFO(file << ": " << shown(text));
        const std::vector<Token> tokens = tokenizer.encode(text);
        REQUIRE(idsOf(tokens) == expected[i][0].get<std::vector<std::int32_t>>());
        CHECK(covers(tokens, text));
        checkBegins(tokens, expected[i], text);
        if (text.find("<s>") == std::string::npos && text.find("</s>") == std::string::npos
            && text.find("▁") == std::string::npos)
            CHECK(tokenizer.decode(idsOf(tokens)) == text);
    }
    CHECK(tokenizer.decode(idsOf(tokenizer.encode("a\xff"))).starts_with("a"));
}

TEST_CASE("normal forms are those of the tokenizers library", "[capture][unit]")
{
    using Kind = NormalizerStep::Kind;
    const std::map<std::string, Kind> kinds{{"NFC", Kind::nfc},
                                            {"NFD", Kind::nfd},
                                            {"NFKC", Kind::nfkc},
                                            {"NFKD", Kind::nfkd},
                                            {"Lowercase", Kind::lowercase},
                                            {"StripAccents", Kind::stripAccents}};
    std::set<std::string> seen;
    for (const json& row : readJson("normalize.json")) {
        const auto kind = row[0].get<std::string>(), text = row[1].get<std::string>();
        seen.insert(kind);
        INFO(kind << ": " << shown(text));
        TextArena arena;
        const TextPiece result = TextNormalizer({{.kind = kinds.at(kind)}}).apply({text}, arena);
        CHECK(result.text == row[2].get<std::string>());
        for (std::size_t i = 0; i < result.text.size(); ++i) {
            REQUIRE(result.at(i) < std::ssize(text));
            REQUIRE((i == 0 || result.at(i) >= result.at(i - 1)));
        }
    }
    CHECK(seen.size() == kinds.size());
}

TEST_CASE("the ranges cover texts of any bytes with every kind of tokenizer", "[capture][unit]")
{
    const std::string file =
        GENERATE("llama3.json", "qwen2.json", "llama2.json", "mistral.json", "gemma.json", "unigram.json",
                 "unigram-bytes.json", "mixed.json", "accents.json", "sentencepiece.model", "sentencepiece.gguf");
    const Tokenizer tokenizer = loadTokenizer(dataFile(file));
    const json texts = readJson("texts.json");
    std::mt19937 draw(3);
    for (int round = 0; round < 400; ++round) {
        auto text = texts[draw() % texts.size()].get<std::string>();
        for (unsigned n = draw() % 6; n > 0; --n)
            text.insert(draw() % (text.size() + 1), 1, static_cast<char>(draw() % 256));
        INFO(file << ": " << shown(text));
        const std::vector<Token> tokens = tokenizer.encode(text);
        REQUIRE(covers(tokens, text));
        for (const Token& token : tokens)
            REQUIRE((token.id >= 0 && token.id < tokenizer.vocabSize()));
        if (tokenizer.isLossless())
            REQUIRE(tokenizer.decode(idsOf(tokens)) == text);
    }
}

TEST_CASE("long runs are encoded in reasonable time by every kind of model", "[capture][unit]")
{
    const std::string file =
        GENERATE("qwen2.json", "llama2.json", "mistral.json", "unigram.json", "mixed.json", "sentencepiece.gguf");
    const Tokenizer tokenizer = loadTokenizer(dataFile(file));
    const auto begin = std::chrono::steady_clock::now();
    for (const char* unit : {"a", " ", "\n", "7", "<s", "\xff", "中", "e\u0301", "\u0301"}) {
        std::string text;
        while (text.size() < 200'000)
            text += unit;
        INFO(file << ": " << shown(unit));
        CHECK(covers(tokenizer.encode(text), text));
    }
    // A quadratic step would take hours here; the bound is loose for slow machines and sanitizers.
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(120));
}

TEST_CASE("a token found in changed text keeps the bytes that it stands for", "[capture][unit]")
{
    const auto ranges = [](const std::string& file, const std::string& text) {
        const Tokenizer tokenizer = loadTokenizer(dataFile(file));
        std::vector<std::string> parts;
        for (const Token& token : tokenizer.encode(text))
            parts.push_back(
                text.substr(static_cast<std::size_t>(token.begin), static_cast<std::size_t>(token.end - token.begin)));
        return parts;
    };
    // Three bytes of the mark stand for the one of the space.
    const std::vector<std::string> llama = ranges("llama2.json", "Paris\nTokyo:");
    CHECK(std::find(llama.begin(), llama.end(), "\n") != llama.end());
    // é of two characters becomes one, whose bytes all come from the two.
    std::string joined;
    for (const std::string& part : ranges("qwen2.json", "xe\u0301y"))
        joined += part;
    CHECK(joined == "xe\u0301y");
    // White space that an added token takes along is part of it.
    const std::vector<std::string> mixed = ranges("mixed.json", "b  <mask>  c");
    CHECK(std::find(mixed.begin(), mixed.end(), "  <mask>  ") != mixed.end());
}

TEST_CASE("what stands beside a tokenizer says what it leaves open", "[capture][unit]")
{
    const ScratchFolder folder;
    std::filesystem::copy_file(dataFile("qwen2.json"), folder / "tokenizer.json");
    const auto end = [&] { return loadTokenizer(folder / "tokenizer.json").endTokens(); };
    const Tokenizer bare = loadTokenizer(folder.path());
    CHECK(bare.bos() == std::nullopt);
    CHECK_FALSE(bare.addsBos());
    CHECK(bare.isLossless() == false); // NFC
    CHECK(bare.chatTemplate().empty());
    const std::vector<std::int32_t> named = bare.endTokens();
    CHECK(named.size() == 2); // <|endoftext|>, <|im_end|>
    CHECK(end() == named);

    folder.write("generation_config.json", R"({"eos_token_id": [5, 7]})");
    CHECK(end().front() == 5);
    CHECK(end().size() == 4);
    folder.write("config.json", R"({"eos_token_id": 9, "bos_token_id": 3})");
    CHECK(end().size() == 5);
    CHECK(loadTokenizer(folder / "config.json").bos() == 3);
    folder.write("tokenizer_config.json",
                 R"({"bos_token": {"content": "<|im_start|>"}, "add_bos_token": true, "chat_template": "words",
                     "added_tokens_decoder": {"900": {"content": "<new>", "special": true}}})");
    const Tokenizer full = loadTokenizer(folder.path());
    CHECK(full.addsBos());
    CHECK(full.bytesOf(*full.bos()) == "<|im_start|>");
    CHECK(full.chatTemplate() == "words");
    CHECK(full.vocabSize() == 901);
    CHECK(idsOf(full.encode("<new>")) == std::vector<std::int32_t>{900});
    folder.write("chat_template.jinja", "other words");
    CHECK(loadTokenizer(folder.path()).chatTemplate() == "other words");

    folder.write("generation_config.json", R"({"eos_token_id": [5, 99999]})");
    CHECK_THAT(badInputMessage([&] { (void)loadTokenizer(folder.path()); }),
               Contains("generation_config.json") && Contains("eos_token_id") && Contains("99999"));
    folder.write("generation_config.json", R"({"eos_token_id": "x"})");
    CHECK_THAT(badInputMessage([&] { (void)loadTokenizer(folder.path()); }), Contains("eos_token_id"));
}

TEST_CASE("the post-processor says whether a BOS stands in front", "[capture][unit]")
{
    const Tokenizer llama3 = loadTokenizer(dataFile("llama3.json"));
    CHECK(llama3.addsBos());
    CHECK(llama3.bytesOf(*llama3.bos()) == "<|begin_of_text|>");
    CHECK(llama3.endTokens().size() == 2);
    CHECK(llama3.isLossless());
    CHECK_FALSE(loadTokenizer(dataFile("gpt2.json")).addsBos());
    CHECK(loadTokenizer(dataFile("llama2.json")).bos() == 1);
}

TEST_CASE("a folder without a tokenizer and other files are refused", "[capture][unit]")
{
    const ScratchFolder folder;
    CHECK_THAT(badInputMessage([&] { (void)loadTokenizer(folder.path()); }),
               Contains("tokenizer.json") && Contains("tokenizer.model"));
    CHECK_THAT(badInputMessage([&] { (void)loadTokenizer(folder / "none.json"); }), Contains("none.json"));
    folder.write("bad.model", "no model");
    CHECK_THAT(badInputMessage([&] { (void)loadTokenizer(folder / "bad.model"); }), Contains("bad.model"));
    folder.write("empty.model", "");
    CHECK_THAT(badInputMessage([&] { (void)loadTokenizer(folder / "empty.model"); }), Contains("empty.model"));
}
