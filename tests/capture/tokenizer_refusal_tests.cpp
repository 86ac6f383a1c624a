// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Wrong and hostile tokenizer files: an Error that names file and key, and nothing else.
#include "tests/support/catch.hpp"

#include "capture/tokenizer_files.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/scratch_folder.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>

using namespace kvviz::capture;
using namespace kvviz::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

std::string fixture(const std::string& name)
{
    std::ifstream file(std::string(KVVIZ_TEST_DATA) + "/tokenizers/" + name, std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    REQUIRE(file);
    return bytes.str();
}

json tiny()
{
    return {{"added_tokens", json::array()},
            {"normalizer", nullptr},
            {"pre_tokenizer", nullptr},
            {"post_processor", nullptr},
            {"decoder", nullptr},
            {"model",
             {{"type", "BPE"}, {"vocab", {{"a", 0}, {"b", 1}, {"ab", 2}}}, {"merges", json::array({json{"a", "b"}})}}}};
}

std::string refusal(const std::function<void(json&)>& change)
{
    const ScratchFolder folder;
    json content = tiny();
    change(content);
    folder.write("tokenizer.json", content.dump());
    const std::string message = badInputMessage([&] { (void)loadTokenizer(folder.path()); });
    CHECK_THAT(message, Contains("tokenizer.json"));
    return message;
}

/// Loading and using it either works or throws Error(badInput).
bool behaves(const std::filesystem::path& path)
{
    try {
        const Tokenizer tokenizer = loadTokenizer(path);
        std::vector<std::int32_t> ids;
        for (const Token& token : tokenizer.encode("The caf\u00e9 <mask> e\u0301  12\n\xff <s>x"))
            ids.push_back(token.id);
        (void)tokenizer.decode(ids);
        return true;
    } catch (const kvviz::core::Error& error) {
        CHECK(error.code() == kvviz::core::ErrorCode::badInput);
        CHECK_FALSE(std::string(error.what()).empty());
        return false;
    }
}

} // namespace

TEST_CASE("a wrong vocabulary is refused with the key", "[capture][unit]")
{
    CHECK_THAT(refusal([](json& j) { j.erase("model"); }), Contains("'model' is missing"));
    CHECK_THAT(refusal([](json& j) { j["model"] = 7; }), Contains("model"));
    CHECK_THAT(refusal([](json& j) { j["model"]["type"] = "WordPiece"; }),
               Contains("'WordPiece'") && Contains("Unigram"));
    CHECK_THAT(refusal([](json& j) { j["model"].erase("vocab"); }), Contains("'vocab'"));
    CHECK_THAT(refusal([](json& j) { j["model"]["vocab"] = json::array(); }), Contains("'vocab'"));
    for (const json& id : {json(-1), json(1e9), json("x"), json(1.5), json(nullptr), json::array({0})})
        CHECK_THAT(refusal([&](json& j) { j["model"]["vocab"]["b"] = id; }), Contains("id of 'b'"));
    CHECK_THAT(refusal([](json& j) { j["model"]["vocab"]["b"] = 0; }), Contains("both have the id 0"));
    CHECK_THAT(refusal([](json& j) { j["model"].erase("merges"); }), Contains("'merges'"));
    for (const json& merge : {json("ab"), json("a b c"), json(7), json::array({"a"}), json::array({"a", 1})})
        CHECK_THAT(refusal([&](json& j) { j["model"]["merges"].push_back(merge); }), Contains("merge 1"));
    CHECK_THAT(refusal([](json& j) { j["model"]["merges"].push_back("b a"); }),
               Contains("merge 1") && Contains("'ba'"));
    CHECK_THAT(refusal([](json& j) { j["model"]["dropout"] = 0.1; }), Contains("'dropout'"));
    CHECK_THAT(refusal([](json& j) { j["model"]["unk_token"] = "<unk>"; }), Contains("'unk_token'"));
    CHECK_THAT(refusal([](json& j) { j["model"]["continuing_subword_prefix"] = "##"; }),
               Contains("continuing_subword_prefix"));
    CHECK_THAT(refusal([](json& j) { j["model"]["byte_fallback"] = "yes"; }), Contains("'byte_fallback'"));
    const auto unigram = [](const json& vocabulary) {
        return [vocabulary](json& j) { j["model"] = {{"type", "Unigram"}, {"vocab", vocabulary}, {"unk_id", 5}}; };
    };
    CHECK_THAT(refusal(unigram(json{{"a", 0}})), Contains("'vocab'"));
    CHECK_THAT(refusal(unigram(json::array({json::array({"a", "b"})}))), Contains("entry 0"));
    CHECK_THAT(refusal(unigram(json::array({json::array({"a", -1.5})}))), Contains("'unk_id' is 5"));
}

TEST_CASE("wrong stages and added tokens are refused with the key", "[capture][unit]")
{
    const auto step = [](const char* stage, const json& value) { return [=](json& j) { j[stage] = value; }; };
    CHECK_THAT(refusal(step("normalizer", {{"type", "Bert"}})),
               Contains("normalizer") && Contains("'Bert'") && Contains("NFKC"));
    CHECK_THAT(refusal(step("normalizer", 7)), Contains("normalizer"));
    CHECK_THAT(refusal(step("normalizer", {{"type", "Sequence"}})), Contains("'normalizers'"));
    CHECK_THAT(refusal(step("normalizer", {{"type", "Sequence"}, {"normalizers", {{{"type", "Prepend"}}}}})),
               Contains("normalizer[0]") && Contains("'prepend'"));
    CHECK_THAT(refusal(step("normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "!!"}})),
               Contains("base64"));
    CHECK_THAT(refusal(step("normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "/////w=="}})),
               Contains("normalisation map"));
    const auto split = [](const std::string& expression) {
        return json{{"type", "Split"}, {"pattern", {{"Regex", expression}}}, {"behavior", "Isolated"}};
    };
    CHECK_THAT(refusal(step("pre_tokenizer", split("(a"))), Contains("'(a'"));
    CHECK_THAT(refusal(step("pre_tokenizer", split("[a&&b]"))), Contains("pre_tokenizer") && Contains("intersection"));
    CHECK_THAT(refusal(step("pre_tokenizer", split("[a[b]]"))), Contains("class within a class"));
    CHECK_THAT(refusal(step("pre_tokenizer", split("\\C"))), Contains("\\C"));
    CHECK_THAT(refusal(step("pre_tokenizer", split(std::string(70000, 'a')))), Contains("longer"));
    CHECK_THAT(refusal(step("pre_tokenizer", {{"type", "Split"}, {"behavior", "Isolated"}})), Contains("'pattern'"));
    CHECK_THAT(refusal(step("pre_tokenizer", {{"type", "UnicodeScripts"}})), Contains("'UnicodeScripts'"));
    CHECK_THAT(refusal(step("pre_tokenizer", {{"type", "Digits"}, {"individual_digits", 1}})),
               Contains("'individual_digits'"));
    CHECK_THAT(refusal([](json& j) {
                   j["pre_tokenizer"] = {{"type", "Sequence"},
                                         {"pretokenizers", {{{"type", "ByteLevel"}}, {{"type", "Digits"}}}}};
               }),
               Contains("after ByteLevel"));
    CHECK_THAT(refusal(step("decoder", {{"type", "ByteLevel"}})), Contains("byte-level"));
    CHECK_THAT(refusal(step("decoder", {{"type", "CTC"}})), Contains("'CTC'"));
    CHECK_THAT(refusal(step("post_processor", {{"type", "BertProcessing"}})), Contains("'BertProcessing'"));
    CHECK_THAT(refusal(step("post_processor",
                            {{"type", "TemplateProcessing"}, {"single", {{{"SpecialToken", {{"id", "<s>"}}}}}}})),
               Contains("special_tokens"));
    CHECK_THAT(refusal(step("post_processor", {{"type", "TemplateProcessing"},
                                               {"single", {{{"SpecialToken", {{"id", "<s>"}}}}}},
                                               {"special_tokens", {{"<s>", {{"ids", {77}}}}}}})),
               Contains("77"));
    CHECK_THAT(refusal(step("added_tokens", {{"x", 1}})), Contains("'added_tokens'"));
    CHECK_THAT(refusal(step("added_tokens", {{{"id", 1000000000}, {"content", "x"}}})), Contains("added_tokens[0]"));
    CHECK_THAT(refusal(step("added_tokens", {{{"id", 1}, {"content", "a"}}})), Contains("id 1 here and 0"));
    CHECK_THAT(refusal(step("added_tokens", {{{"id", 1}}})), Contains("'content'"));
    CHECK_THAT(refusal(step("added_tokens", {{{"id", 3}, {"content", 7}}})), Contains("'content'"));
}

TEST_CASE("files that are no JSON, cut off, nested without end or not UTF-8 are refused", "[capture][unit]")
{
    const ScratchFolder folder;
    const std::string deep = "{\"normalizer\":" + std::string(300000, '[') + std::string(300000, ']') + "}";
    for (const std::string& bytes :
         {std::string(), std::string("no json"), std::string("[]"),
          std::string("{\"model\": {\"vocab\": {\"\xff\": 1}}}"), fixture("qwen2.json").substr(0, 3000), deep}) {
        folder.write("tokenizer.json", bytes);
        INFO(bytes.substr(0, 40));
        CHECK_THAT(badInputMessage([&] { (void)loadTokenizer(folder.path()); }), Contains("tokenizer.json"));
    }
    std::string sequence = "null";
    for (int i = 0; i < 40; ++i)
        sequence = R"({"type":"Sequence","normalizers":[)" + sequence + "]}";
    folder.write("tokenizer.json",
                 R"({"normalizer":)" + sequence + R"(,"model":{"type":"BPE","vocab":{"a":0},"merges":[]}})");
    CHECK_THAT(badInputMessage([&] { (void)loadTokenizer(folder.path()); }), Contains("64 levels"));
}

TEST_CASE("an expression that would take forever ends in an error", "[capture][unit]")
{
    const ScratchFolder folder;
    json content = tiny();
    content["pre_tokenizer"] = {
        {"type", "Split"}, {"pattern", {{"Regex", "(a|aa)+$|(.*)*c"}}}, {"behavior", "Isolated"}};
    folder.write("tokenizer.json", content.dump());
    const Tokenizer tokenizer = loadTokenizer(folder.path());
    const auto begin = std::chrono::steady_clock::now();
    CHECK_THAT(badInputMessage([&] { (void)tokenizer.encode(std::string(300, 'a') + "b"); }),
               Contains("could not be cut"));
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(60));
}

TEST_CASE("mutated tokenizer files are refused or work, and nothing else", "[capture][unit]")
{
    const std::string name =
        GENERATE("mixed.json", "accents.json", "llama2.json", "unigram.json", "sentencepiece.model");
    const std::string whole = fixture(name);
    const ScratchFolder folder;
    const std::string file = name.ends_with(".json") ? "tokenizer.json" : "tokenizer.model";
    std::mt19937 draw(29);
    int good = 0;
    for (int round = 0; round < 300; ++round) {
        std::string bytes = whole;
        // The stages at the start of a JSON file and the specifications at the end of a model matter most.
        const auto place = [&] {
            const std::size_t reach = round % 2 == 0 ? bytes.size() : std::min<std::size_t>(bytes.size(), 2500);
            const std::size_t at = draw() % reach;
            return file == "tokenizer.json" ? at : bytes.size() - 1 - at;
        };
        for (unsigned n = 1 + draw() % 3; n > 0; --n) {
            switch (draw() % 4) {
            case 0:
                bytes[place()] = static_cast<char>(draw() % 256);
                break;
            case 1:
                bytes[place()] = "0123456789{}[]\",:"[draw() % 17];
                break;
            case 2:
                bytes.erase(place(), 1 + draw() % 20);
                break;
            default:
                bytes.insert(place(), bytes.substr(place(), draw() % 40));
                break;
            }
        }
        folder.write(file, bytes);
        good += behaves(folder.path()) ? 1 : 0;
    }
    INFO(name << ": " << good << " of 300 still load");
    CHECK(good > 0);
    CHECK(good < 300);
}

TEST_CASE("values of wrong types at any key are refused or ignored, and nothing else", "[capture][unit]")
{
    const std::string name = GENERATE("mixed.json", "llama3.json", "mistral.json", "unigram.json");
    const json whole = json::parse(fixture(name));
    json small = whole; // a vocabulary of some hundred entries adds nothing here
    const ScratchFolder folder;
    std::vector<json::json_pointer> places;
    const json flat = whole.flatten();
    for (const auto& [key, value] : flat.items())
        if (key.rfind("/model/vocab", 0) != 0 && key.rfind("/model/merges", 0) != 0)
            places.emplace_back(key);
    int count = 0;
    for (const json::json_pointer& place : places)
        for (const json& value : {json(nullptr), json(-1), json(1e300), json(""), json("\u2581"), json::array(),
                                  json::object(), json(true)}) {
            small = whole;
            small[place] = value;
            folder.write("tokenizer.json", small.dump());
            INFO(place.to_string() << " = " << value.dump());
            (void)behaves(folder.path());
            ++count;
        }
    CHECK(count > 100);
}
