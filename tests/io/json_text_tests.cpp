// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// JSON of foreign files: the values that the library reads by itself, with bounds that hold for any text.
#include "core/io/json_text.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/catch.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <random>

using namespace kvviz;
using Catch::Contains;
using Json = nlohmann::json;

namespace {

std::string refusal(const std::string& text)
{
    const std::string message = test::badInputMessage([&] { static_cast<void>(io::parseJson(text, "'a.json'")); });
    CHECK_THAT(message, Catch::StartsWith("'a.json' "));
    return message;
}

/// A value with all kinds in it, by chance.
Json madeUp(std::mt19937& random, int depth)
{
    switch (random() % (depth > 0 ? 8 : 6)) {
    case 0: return nullptr;
    case 1: return random() % 2 == 0;
    case 2: return -static_cast<std::int64_t>(random());
    case 3: return std::uint64_t{random()} << 32;
    case 4: return static_cast<double>(random()) * 1e-7;
    case 5: return fmt::format("\n\"\\{} é", random());
    case 6: {
        Json list = Json::array();
        for (unsigned i = random() % 4; i > 0; --i)
            list.push_back(madeUp(random, depth - 1));
        return list;
    }
    default: {
        Json object = Json::object();
        for (unsigned i = random() % 4; i > 0; --i)
            object[fmt::format("key {}", i)] = madeUp(random, depth - 1);
        return object;
    }
    }
}

} // namespace

TEST_CASE("JSON comes out as the library reads it", "[io]")
{
    std::mt19937 random(11);
    for (int round = 0; round < 500; ++round) {
        const std::string text = madeUp(random, 6).dump(round % 3 - 1);
        CHECK(io::parseJson(text, "'a.json'") == Json::parse(text));
    }
    CHECK(io::parseJson("\xef\xbb\xbf [1, {\"a\": [], \"b\": {}}, 2] ", "'a.json'") == Json::parse("[1,{\"a\":[],\"b\":{}},2]"));
}

TEST_CASE("JSON that is none, too deep, or has a key twice is refused with its place", "[io]")
{
    for (const char* text : {"", "{", "[1,]", "{} {}", "{\"a\" 1}", "nul", "\"\xff\"", "1e999", "[\"a\nb\"]"})
        CHECK_THAT(refusal(text), Contains("is no JSON (byte "));
    CHECK_THAT(refusal(R"({"a": {"b": 1, "c": 2, "b": 1}})"), Contains("names 'b' twice"));
    CHECK_NOTHROW(io::parseJson(R"({"a": {"b": 1}, "b": {"a": 1}})", "'a.json'"));
    const std::string open(64, '['), close(64, ']');
    CHECK_NOTHROW(io::parseJson(open + close, "'a.json'"));
    CHECK_THAT(refusal("[" + open + close + "]"), Contains("nests deeper than 64 levels"));
    CHECK_THAT(refusal(std::string(10'000'000, '[')), Contains("nests deeper than 64 levels"));
}

TEST_CASE("JSON with many values takes time that grows with their number alone", "[io]")
{
    std::string members = "{\"0\": 0", items = "[0";
    for (int i = 1; i < 300'000; ++i) { // minutes, were each value held against those before it
        members += fmt::format(",\"{}\":{}", i, i);
        items += ",{}";
    }
    CHECK(io::parseJson(members + "}", "'a.json'").size() == 300'000);
    CHECK(io::parseJson(items + "]", "'a.json'").size() == 300'000);
}
