// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Display of bytes, sizes, near names.
#include "core/text.hpp"
#include "tests/support/catch.hpp"

#include <random>

using namespace kvviz::core;

namespace {

void appendUtf8(std::string& text, unsigned code)
{
    const auto byte = [&](unsigned value) { text += static_cast<char>(value); };
    if (code < 0x80) {
        byte(code);
    } else if (code < 0x800) {
        byte(0xc0 | code >> 6), byte(0x80 | (code & 63));
    } else if (code < 0x10000) {
        byte(0xe0 | code >> 12), byte(0x80 | (code >> 6 & 63)), byte(0x80 | (code & 63));
    } else {
        byte(0xf0 | code >> 18), byte(0x80 | (code >> 12 & 63));
        byte(0x80 | (code >> 6 & 63)), byte(0x80 | (code & 63));
    }
}

} // namespace

TEST_CASE("every code point is UTF-8, surrogates and beyond are not", "[unit]")
{
    for (unsigned code = 0; code < 0x110100; code += code < 0x900 || code > 0x10ff00 ? 1 : 13) {
        std::string text;
        appendUtf8(text, code);
        const bool valid = (code < 0xd800 || code > 0xdfff) && code < 0x110000;
        if (isUtf8(text) != valid) {
            CAPTURE(code);
            REQUIRE(isUtf8(text) == valid);
        }
    }
    for (const char* broken : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE2\x82", "\xF0\x8F\xBF\xBF",
                               "\xF5\x80\x80\x80", "a\xFF", "\xC3(", "\xE2\x28\xA1"})
        CHECK_FALSE(isUtf8(broken));
    CHECK(isUtf8(""));
    CHECK(isUtf8(std::string_view("a\0b", 3)));
}

TEST_CASE("what is shown of a long value is its two ends, with whole characters", "[unit]")
{
    CHECK(shown("a\x1B[0m\n") == "a<1B>[0m\xE2\x86\xB5");
    CHECK(shown(std::string(120, 'a')) == std::string(120, 'a'));
    CHECK(shown(std::string(121, 'a')) == std::string(80, 'a') + "...(1 bytes)..." + std::string(40, 'a'));
    CHECK(shown(std::string(5000, 'a') + "z").ends_with("z"));
    CHECK(shown("abcdef", 3) == "ab...(3 bytes)...f");
    std::string text;
    for (int i = 0; i < 100; ++i)
        text += "\xF0\x9F\x98\x80";
    for (std::size_t most = 1; most < 20; ++most)
        CHECK(shown(text, most).find('<') == std::string::npos);
    CHECK(isUtf8(shown(std::string(500, '\x80'))));
}

TEST_CASE("any bytes show as valid UTF-8 without control characters", "[unit]")
{
    CHECK(displayBytes("a\nb\tc") == "a\xE2\x86\xB5" "b\xE2\x87\xA5" "c");
    CHECK(displayBytes("\xE2\x82") == "<E2><82>");
    CHECK(displayBytes("\x1B[0m\x7F") == "<1B>[0m<7F>");
    CHECK(displayBytes(std::string_view("\0", 1)) == "<00>");
    CHECK(displayBytes("gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80") == "gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80");
    std::mt19937 random(2);
    for (int round = 0; round < 3000; ++round) {
        std::string bytes(random() % 12, '\0');
        for (char& byte : bytes)
            byte = static_cast<char>(random());
        const std::string shown = displayBytes(bytes);
        REQUIRE(isUtf8(shown));
        for (const char byte : shown)
            REQUIRE((static_cast<unsigned char>(byte) >= 0x20 && byte != 0x7f));
    }
}

TEST_CASE("sizes are read by people", "[unit]")
{
    CHECK(humanBytes(0) == "0 B");
    CHECK(humanBytes(999) == "999 B");
    CHECK(humanBytes(1000) == "1.0 kB");
    CHECK(humanBytes(94100000) == "94.1 MB");
    CHECK(humanBytes(999999) == "1.0 MB");
    CHECK(humanBytes(150000000) == "150 MB");
    CHECK(humanBytes(18446744073709551615ull) == "18446744 TB");
}

TEST_CASE("blanks are taken off the ends of a text and never off its middle", "[unit]")
{
    CHECK(trimmed(" \t a b\r\n") == "a b");
    CHECK(trimmed("ab") == "ab");
    CHECK(trimmed(" \n ").empty());
    CHECK(trimmed("").empty());
    CHECK(trimmed("\n a\t", " \t") == "\n a");
}

TEST_CASE("a text is split at each separator, empty parts included", "[unit]")
{
    using Parts = std::vector<std::string_view>;
    CHECK(splitAt("a,b c", ',') == Parts{"a", "b c"});
    CHECK(splitAt(",a,,", ',') == Parts{"", "a", "", ""});
    CHECK(splitAt("", ',') == Parts{""});
}

TEST_CASE("the nearest name is suggested, and nothing far from it", "[unit]")
{
    const std::vector<std::string> names{"snapkv", "chunkkv", "shotkv", "streaming"};
    CHECK(nearestName("snapkw", names) == "snapkv");
    CHECK(nearestName("shotvk", names) == "shotkv");
    CHECK(nearestName("stream", names) == "streaming");
    CHECK(nearestName("zzzzzz", names).empty());
    CHECK(nearestName("", names).empty());
    CHECK(nearestName("x", {}).empty());
}
