// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Calibration texts in pieces of tokens.
#include "capture/calibration_text.hpp"
#include "capture/gguf.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/gguf_builder.hpp"
#include "tests/support/scratch_folder.hpp"

#include <set>

using namespace kvviz;
using namespace kvviz::capture;

namespace {

/// A byte-level vocabulary; `addsBos` as in models that want one.
Tokenizer tinyTokenizer(bool addsBos)
{
    const test::ScratchFolder folder;
    test::GgufBuilder builder;
    const std::vector<std::string> tokens = test::tinyVocabulary();
    builder.string("tokenizer.ggml.model", "gpt2").string("tokenizer.ggml.pre", "gpt-2");
    builder.strings("tokenizer.ggml.tokens", tokens).strings("tokenizer.ggml.merges", test::tinyMerges());
    builder.u32("tokenizer.ggml.bos_token_id", static_cast<std::uint32_t>(tokens.size() - 3));
    builder.boolean("tokenizer.ggml.add_bos_token", addsBos);
    builder.write(folder / "tokenizer.gguf");
    return Tokenizer(GgufFile(folder / "tokenizer.gguf"));
}

} // namespace

TEST_CASE("the built-in paragraphs are thirty different ones of plain text", "[capture][tables][unit]")
{
    const std::vector<std::string_view>& texts = calibrationTexts();
    CHECK(texts.size() == 30);
    CHECK(std::set<std::string_view>(texts.begin(), texts.end()).size() == 30);
    for (const std::string_view text : texts) {
        INFO(text);
        CHECK(core::isUtf8(text));
        CHECK(text.back() == '.');
        CHECK(text.find('\n') == std::string_view::npos);
        CHECK(text.find("  ") == std::string_view::npos);
    }
}

TEST_CASE("every built-in paragraph has 64 tokens of the default model", "[capture][tables][model]")
{
    const Tokenizer tokenizer{GgufFile(KVVIZ_TEST_MODEL)};
    const auto pieces = calibrationPieces(tokenizer, 64);
    CHECK(pieces.size() == 30);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        CHECK(pieces[i].size() == 64);
        const std::string begin = tokenizer.decode(pieces[i]);
        CHECK(calibrationTexts()[i].substr(0, begin.size()) == begin);
    }
}

TEST_CASE("pieces of a text follow each other and hold every token up to the limit", "[capture][tables][unit]")
{
    const bool addsBos = GENERATE(false, true);
    const Tokenizer tokenizer = tinyTokenizer(addsBos);
    const std::string text = "abcdefghijklmnopqrstuvwxyz0123456789"; // no merges among these in a row of letters
    std::vector<std::int32_t> all;
    for (const Token& token : tokenizer.encode(text))
        all.push_back(token.id);
    for (const std::int64_t tokens : {2, 5, 7, 100})
        for (const std::int64_t limit : {1000, 11}) {
            INFO(tokens << " tokens, limit " << limit);
            std::vector<std::int32_t> joined;
            std::int64_t used = 0;
            for (const std::vector<std::int32_t>& piece : textPieces(tokenizer, text, tokens, limit, false)) {
                CHECK(std::ssize(piece) <= tokens);
                if (addsBos)
                    CHECK(piece.front() == *tokenizer.bos());
                used += std::ssize(piece);
                joined.insert(joined.end(), piece.begin() + (addsBos ? 1 : 0), piece.end());
            }
            CHECK(used <= limit);
            CHECK(std::equal(joined.begin(), joined.end(), all.begin()));
            if (limit == 1000)
                CHECK(joined.size() == all.size());
            else
                CHECK(used >= limit - (addsBos ? 1 : 0)); // a piece of nothing but the BOS is left out
        }
}

TEST_CASE("whole pieces leave the rest of a text out", "[capture][tables][unit]")
{
    const Tokenizer tokenizer = tinyTokenizer(false);
    const auto pieces = textPieces(tokenizer, "0123456789", 4, 1000, true);
    REQUIRE(pieces.size() == 2);
    CHECK(tokenizer.decode(pieces[1]) == "4567");
    CHECK_THAT(test::badInputMessage([&] { static_cast<void>(textPieces(tokenizer, "012", 4, 1000, true)); }),
               Catch::Contains("shorter than one piece of 4 tokens"));
    CHECK_THAT(test::badInputMessage([&] { static_cast<void>(textPieces(tokenizer, "", 4, 1000, false)); }),
               Catch::Contains("no tokens"));
    CHECK_THROWS_AS(textPieces(tinyTokenizer(true), "0123", 1, 1000, false), core::Error);
}
