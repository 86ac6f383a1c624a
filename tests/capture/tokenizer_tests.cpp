// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The tokenizer: equality with the tokenizers library, nothing lost, offsets that tile the text, hostile vocabularies.
#include "tests/support/catch.hpp"

#include "capture/gguf.hpp"
#include "capture/named_splits.hpp"
#include "capture/pre_tokenizer.hpp"
#include "capture/tokenizer.hpp"
#include "core/error.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/gguf_builder.hpp"
#include "tests/support/scratch_folder.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <map>
#include <random>

using namespace kvviz::capture;
using namespace kvviz::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

std::vector<json> readJsonLines(const std::string& name)
{
    std::ifstream file(std::string(KVVIZ_TEST_DATA) + "/" + name);
    REQUIRE(file);
    std::vector<json> lines;
    for (std::string line; std::getline(file, line);)
        lines.push_back(json::parse(line));
    return lines;
}

Tokenizer tokenizerOf(const ScratchFolder& folder, const GgufBuilder& builder)
{
    builder.write(folder / "t.gguf");
    return Tokenizer(GgufFile(folder / "t.gguf"));
}

Tokenizer tinyTokenizer(const ScratchFolder& folder, const std::string& preTokenizer)
{
    GgufBuilder builder;
    addTinyTokenizer(builder, preTokenizer);
    return tokenizerOf(folder, builder);
}

std::vector<std::int32_t> idsOf(const std::vector<Token>& tokens)
{
    std::vector<std::int32_t> ids;
    for (const Token& token : tokens)
        ids.push_back(token.id);
    return ids;
}

/// The ranges cover the text one after the other, and each token's bytes are those of its range.
bool tiles(const Tokenizer& tokenizer, const std::vector<Token>& tokens, std::string_view text)
{
    std::int64_t at = 0;
    for (const Token& token : tokens) {
        const auto length = static_cast<std::size_t>(token.end - token.begin);
        if (token.begin != at || tokenizer.bytesOf(token.id) != text.substr(static_cast<std::size_t>(at), length))
            return false;
        at = token.end;
    }
    return at == static_cast<std::int64_t>(text.size());
}

/// Text made of what pre-tokenizers, merges and special tokens react to, and of raw bytes.
std::string randomText(std::mt19937& draw, bool anyBytes)
{
    static const std::vector<std::string> kPieces{"the",
                                                  " the",
                                                  "and",
                                                  "in",
                                                  "ing",
                                                  "  ",
                                                  "   ",
                                                  "\n",
                                                  "\r\n",
                                                  "7",
                                                  "42",
                                                  "'s",
                                                  "'LL",
                                                  "é",
                                                  "中",
                                                  "🙂",
                                                  "\u00a0",
                                                  "\u3000",
                                                  "<|im_end|>",
                                                  "<|im_",
                                                  "|>",
                                                  ".",
                                                  "all",
                                                  "er",
                                                  "a",
                                                  " ",
                                                  "!?",
                                                  "\u0301",
                                                  std::string(1, '\0')};
    std::string text;
    for (unsigned i = draw() % 30; i > 0; --i) {
        if (anyBytes && draw() % 3 == 0)
            text += static_cast<char>(draw() % 256);
        else
            text += kPieces[draw() % kPieces.size()];
    }
    return text;
}

using Merges = std::vector<std::pair<std::string, std::string>>;

/// Byte-pair encoding as its definition says: again and again the best pair of the whole word, leftmost first.
std::vector<std::string> mergePlainly(const std::string& word, const Merges& merges)
{
    std::vector<std::string> parts;
    for (const char c : word)
        parts.emplace_back(1, c);
    for (;;) {
        std::size_t best = merges.size(), place = 0;
        for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
            const auto found = std::find(merges.begin(), merges.end(), std::pair(parts[i], parts[i + 1]));
            if (const auto rank = static_cast<std::size_t>(found - merges.begin()); rank < best) {
                best = rank;
                place = i;
            }
        }
        if (best == merges.size())
            return parts;
        parts[place] += parts[place + 1];
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(place) + 1);
    }
}

std::string refusal(const std::function<void(GgufBuilder&)>& fill)
{
    const ScratchFolder folder;
    GgufBuilder builder;
    fill(builder);
    return badInputMessage([&] { (void)tokenizerOf(folder, builder); });
}

} // namespace

TEST_CASE("SmolLM2's tokens are those of the tokenizers library", "[capture][model]")
{
    const char* path = std::getenv("KVVIZ_MODEL");
#if defined(KVVIZ_TEST_MODEL)
    path = path == nullptr ? KVVIZ_TEST_MODEL : path;
#endif
    INFO("this test needs SmolLM2-135M-Instruct.Q4_1.gguf; scripts/setup fetches it, or set KVVIZ_MODEL");
    REQUIRE(path != nullptr);
    const Tokenizer tokenizer{GgufFile(path)};
    CHECK(tokenizer.vocabSize() == 49152);
    CHECK(tokenizer.bos() == 1);
    CHECK_FALSE(tokenizer.addsBos());
    CHECK(tokenizer.endTokens() == std::vector<std::int32_t>{0, 2});
    const std::vector<json> lines = readJsonLines("tokenizer-smollm2.jsonl");
    REQUIRE(lines.size() == 241);
    for (const json& line : lines) {
        const auto text = line["text"].get<std::string>();
        INFO(text);
        const std::vector<Token> tokens = tokenizer.encode(text);
        CHECK(idsOf(tokens) == line["ids"].get<std::vector<std::int32_t>>());
        CHECK(tokenizer.decode(idsOf(tokens)) == line["decoded"].get<std::string>());
        CHECK(tiles(tokenizer, tokens, text));
    }
    // A byte this vocabulary lacks is left out; its neighbour's range covers it.
    const std::vector<Token> tokens = tokenizer.encode("a\xff"
                                                       "b");
    REQUIRE(tokens.size() == 2);
    CHECK(tokenizer.decode(idsOf(tokens)) == "ab");
    CHECK(tokens[0].end == 2);
    CHECK(tokenizer.encode("\xff\xfe").empty());
}

TEST_CASE("texts are cut into the pieces that the tokenizers library finds", "[capture][unit]")
{
    std::map<std::string, PreTokenizer> cutters;
    for (const json& line : readJsonLines("pretokenize.jsonl")) {
        const auto name = line["pre"].get<std::string>();
        const auto text = line["text"].get<std::string>();
        INFO(name << ": " << line["text"].dump());
        const PreTokenizer& cutter = cutters.try_emplace(name, namedSplits(name).steps).first->second;
        TextArena arena;
        std::vector<TextPiece> cut;
        cutter.cut({text}, arena, cut);
        std::vector<std::string> pieces;
        for (const TextPiece& piece : cut)
            pieces.emplace_back(piece.text);
        CHECK(pieces == line["pieces"].get<std::vector<std::string>>());
    }
    CHECK(cutters.size() == 4);
}

TEST_CASE("what was encoded is decoded to the same bytes and the offsets tile the text", "[capture][unit]")
{
    const ScratchFolder folder;
    const auto* pre = GENERATE("smollm", "gpt-2", "llama-bpe", "qwen2", "default");
    const Tokenizer tokenizer = tinyTokenizer(folder, pre);
    std::mt19937 draw(5);
    for (int round = 0; round < 1000; ++round) {
        const std::string text = randomText(draw, round % 2 == 0);
        const std::vector<Token> tokens = tokenizer.encode(text);
        INFO(json(text).dump(-1, ' ', true, json::error_handler_t::replace));
        REQUIRE(tiles(tokenizer, tokens, text));
        REQUIRE(tokenizer.decode(idsOf(tokens)) == text);
    }
    CHECK(tokenizer.encode("").empty());
}

TEST_CASE("merging with a heap gives what merging by definition gives", "[capture][unit]")
{
    const ScratchFolder folder;
    std::mt19937 draw(17);
    for (int round = 0; round < 40; ++round) {
        // Random merges over "abc": each joins two tokens known so far.
        std::vector<std::string> words{"a", "b", "c"};
        Merges merges;
        std::vector<std::string> lines;
        while (merges.size() < 12) {
            const std::pair pair(words[draw() % words.size()], words[draw() % words.size()]);
            if (std::find(merges.begin(), merges.end(), pair) != merges.end())
                continue;
            merges.push_back(pair);
            lines.push_back(pair.first + " " + pair.second);
            if (std::find(words.begin(), words.end(), pair.first + pair.second) == words.end())
                words.push_back(pair.first + pair.second);
        }
        GgufBuilder builder;
        builder.string("tokenizer.ggml.model", "gpt2").strings("tokenizer.ggml.tokens", words);
        builder.strings("tokenizer.ggml.merges", lines);
        const Tokenizer tokenizer = tokenizerOf(folder, builder);
        for (int i = 0; i < 50; ++i) {
            std::string word;
            for (unsigned n = draw() % 40; n > 0; --n)
                word += static_cast<char>('a' + draw() % 3);
            std::vector<std::string> parts;
            for (const Token& token : tokenizer.encode(word))
                parts.emplace_back(tokenizer.bytesOf(token.id));
            REQUIRE(parts == mergePlainly(word, merges));
        }
    }
}

TEST_CASE("a long run of anything is encoded in reasonable time", "[capture][unit]")
{
    const ScratchFolder folder;
    const auto* pre = GENERATE("smollm", "llama-bpe", "qwen2");
    const Tokenizer tokenizer = tinyTokenizer(folder, pre);
    std::vector<std::string> texts;
    for (const char* unit : {"a", "l", " ", "\n", "!", "7", "<", "<|im_", "\xff", "中", " \n", "'"}) {
        std::string text;
        while (text.size() < 1'000'000)
            text += unit;
        texts.push_back(std::move(text));
    }
    texts.push_back(std::string(1'000'000, ' ') + "x");
    const auto begin = std::chrono::steady_clock::now();
    for (const std::string& text : texts) {
        INFO(text.substr(0, 5));
        CHECK(tiles(tokenizer, tokenizer.encode(text), text));
    }
    // A quadratic step would take hours here; the bound is loose for slow machines and sanitizers.
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(240));
}

TEST_CASE("special tokens are found at the earliest place, the longest there", "[capture][unit]")
{
    const ScratchFolder folder;
    GgufBuilder builder;
    builder.string("tokenizer.ggml.model", "gpt2");
    builder.strings("tokenizer.ggml.tokens", {"a", "b", "<", ">", "<a", "<a>", "<a>b", "  ", "normal", ""});
    builder.i32s("tokenizer.ggml.token_type", {1, 1, 1, 1, 3, 3, 3, 4, 1, 3}).strings("tokenizer.ggml.merges", {});
    const Tokenizer tokenizer = tokenizerOf(folder, builder);
    const auto ids = [&](const char* text) { return idsOf(tokenizer.encode(text)); };
    CHECK(ids("<a>b<a>a") == std::vector<std::int32_t>{6, 5, 0});
    CHECK(ids("<<a<") == std::vector<std::int32_t>{2, 4, 2});
    CHECK(ids("a  b") == std::vector<std::int32_t>{0, 7, 1});
    CHECK(tokenizer.bytesOf(6) == "<a>b");
    CHECK(tokenizer.decode({7, 9, 0}) == "  a");
}

TEST_CASE("a piece that is a token is taken whole only for llama-bpe", "[capture][unit]")
{
    const ScratchFolder folder;
    const auto ids = [&](const char* pre) {
        GgufBuilder builder;
        builder.string("tokenizer.ggml.model", "gpt2").string("tokenizer.ggml.pre", pre);
        builder.strings("tokenizer.ggml.tokens", {"a", "b", "ab"}).strings("tokenizer.ggml.merges", {});
        return idsOf(tokenizerOf(folder, builder).encode("ab"));
    };
    CHECK(ids("llama-bpe") == std::vector<std::int32_t>{2});
    CHECK(ids("gpt-2") == std::vector<std::int32_t>{0, 1});
}

TEST_CASE("markers come from the metadata and the names of control tokens", "[capture][unit]")
{
    const ScratchFolder folder;
    const Tokenizer tiny = tinyTokenizer(folder, "gpt-2");
    CHECK(tiny.vocabSize() == static_cast<std::int32_t>(tinyVocabulary().size()));
    CHECK(tiny.bos() == tiny.vocabSize() - 3);
    CHECK(tiny.endTokens() == std::vector<std::int32_t>{tiny.vocabSize() - 3, tiny.vocabSize() - 1});
    CHECK_THAT(badInputMessage([&] { (void)tiny.bytesOf(-1); }), Contains("-1"));
    CHECK_THAT(badInputMessage([&] { (void)tiny.decode({0, tiny.vocabSize()}); }), Contains("outside the vocabulary"));

    const auto llama = [&](bool withBos) {
        GgufBuilder builder;
        builder.string("tokenizer.ggml.model", "gpt2").string("tokenizer.ggml.pre", "llama-bpe");
        builder.strings("tokenizer.ggml.tokens", {"a", "b"}).strings("tokenizer.ggml.merges", {});
        if (withBos)
            builder.u32("tokenizer.ggml.bos_token_id", 1);
        return tokenizerOf(folder, builder);
    };
    CHECK(llama(true).addsBos());
    CHECK_FALSE(llama(false).addsBos());
    CHECK(llama(false).bos() == std::nullopt);
    CHECK(llama(true).endTokens().empty());
}

TEST_CASE("contradictory tokenizer metadata is refused with the place", "[capture][unit]")
{
    const auto base = [](GgufBuilder& builder) -> GgufBuilder& {
        return builder.string("tokenizer.ggml.model", "gpt2").strings("tokenizer.ggml.tokens", {"a", "b", "ab"});
    };
    CHECK_THAT(refusal([](GgufBuilder&) {}), Contains("'tokenizer.ggml.model' is missing"));
    CHECK_THAT(refusal([](GgufBuilder& b) { b.string("tokenizer.ggml.model", "bert"); }), Contains("'bert'"));
    CHECK_THAT(refusal([](GgufBuilder& b) { b.string("tokenizer.ggml.model", "gpt2"); }),
               Contains("tokenizer.ggml.tokens"));
    CHECK_THAT(refusal([&](GgufBuilder& b) { base(b).string("tokenizer.ggml.pre", "viking"); }),
               Contains("'viking'") && Contains("smollm, gpt-2, llama-bpe, qwen2"));
    CHECK_THAT(refusal([&](GgufBuilder& b) { base(b); }), Contains("tokenizer.ggml.merges"));
    CHECK_THAT(refusal([](GgufBuilder& b) {
                   b.string("tokenizer.ggml.model", "gpt2").strings("tokenizer.ggml.tokens", {});
                   b.strings("tokenizer.ggml.merges", {});
               }), Contains("0 tokens"));
    CHECK_THAT(refusal([&](GgufBuilder& b) { base(b).i32s("tokenizer.ggml.token_type", {1}); }),
               Contains("1 entries for 3"));
    for (const char* merge : {"ab", "", " ", "a ", " a", "a b c"})
        CHECK_THAT(refusal([&](GgufBuilder& b) { base(b).strings("tokenizer.ggml.merges", {"a b", merge}); }),
                   Contains("merge 1"));
    CHECK_THAT(refusal([&](GgufBuilder& b) { base(b).strings("tokenizer.ggml.merges", {"a z"}); }), Contains("'z'"));
    CHECK_THAT(refusal([&](GgufBuilder& b) { base(b).strings("tokenizer.ggml.merges", {"b a"}); }), Contains("'ba'"));
    const auto withMerges = [&](GgufBuilder& b) -> GgufBuilder& {
        return base(b).strings("tokenizer.ggml.merges", {"a b"});
    };
    CHECK_THAT(refusal([&](GgufBuilder& b) { withMerges(b).u32("tokenizer.ggml.bos_token_id", 3); }),
               Contains("3 tokens"));
    CHECK_THAT(refusal([&](GgufBuilder& b) { withMerges(b).i32("tokenizer.ggml.eos_token_id", -1); }), Contains("-1"));
    CHECK_THAT(refusal([&](GgufBuilder& b) { withMerges(b).boolean("tokenizer.ggml.add_bos_token", true); }),
               Contains("BOS"));
}
