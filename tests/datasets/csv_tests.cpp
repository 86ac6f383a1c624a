// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// CSV: fields of any content come back as they were written, faults keep their line.
#include "datasets/csv.hpp"
#include "datasets/random.hpp"
#include "tests/support/catch.hpp"

using namespace kvviz::datasets;

namespace {

std::vector<CsvRecord> readAll(const std::string& text)
{
    CsvReader reader(text);
    std::vector<CsvRecord> records;
    CsvRecord record;
    while (reader.next(record))
        records.push_back(record);
    return records;
}

std::string quoted(const std::string& field)
{
    std::string result = "\"";
    for (const char c : field)
        result += c == '"' ? "\"\"" : std::string(1, c);
    return result + "\"";
}

using Fields = std::vector<std::string>;

} // namespace

TEST_CASE("CSV records are read with quotes, commas and line breaks", "[unit]")
{
    const auto records = readAll("a,b,c\r\n\"x, y\",\"say \"\"hi\"\"\",\"two\r\nlines\"\n\n,,\nlast,5\" disk,end");
    REQUIRE(records.size() == 4);
    CHECK(records[0].fields == Fields{"a", "b", "c"});
    CHECK(records[1].fields == Fields{"x, y", "say \"hi\"", "two\nlines"});
    CHECK(records[2].fields == Fields{"", "", ""});
    CHECK(records[3].fields == Fields{"last", "5\" disk", "end"});
    CHECK(records[1].line == 2);
    CHECK(records[2].line == 5);
    CHECK(records[3].line == 6);
}

TEST_CASE("A CSV file without records has none", "[unit]")
{
    CHECK(readAll("").empty());
    CHECK(readAll("\n\r\n\n").empty());
}

TEST_CASE("A CSV fault costs one record and is named with its line", "[unit]")
{
    const auto records = readAll("a,b\n\"x\"y,z\nc,d\n\"never closed,e\nf,g\n");
    REQUIRE(records.size() == 5);
    CHECK(records[0].fault.empty());
    CHECK_THAT(records[1].fault, Catch::Matchers::Contains("line 2"));
    CHECK(records[2].fields == Fields{"c", "d"});
    CHECK_THAT(records[3].fault, Catch::Matchers::Contains("line 4"));
    CHECK(records[4].fields == Fields{"f", "g"});
    CHECK(records[4].line == 5);
}

TEST_CASE("Any fields survive being written as CSV and read again", "[unit]")
{
    constexpr std::string_view kAlphabet = "ab,\"\n ;\xc3\xa9";
    for (int round = 0; round < 200; ++round) {
        Random random(7, "csv", round);
        std::vector<Fields> table(1 + random.below(5));
        std::string text;
        for (Fields& fields : table) {
            fields.resize(1 + random.below(4));
            for (std::string& field : fields)
                for (auto length = random.below(8); length > 0; --length)
                    field += random.pick(kAlphabet);
            for (std::size_t i = 0; i < fields.size(); ++i)
                text += (i == 0 ? "" : ",") + quoted(fields[i]);
            text += round % 2 == 0 ? "\n" : "\r\n";
        }
        const auto records = readAll(text);
        REQUIRE(records.size() == table.size());
        for (std::size_t i = 0; i < table.size(); ++i) {
            CHECK(records[i].fault.empty());
            CHECK(records[i].fields == table[i]);
        }
    }
}

TEST_CASE("Random bytes never hang or break the CSV reader", "[unit]")
{
    constexpr std::string_view kAlphabet{"\",\n\r\0a\xff", 7};
    for (int round = 0; round < 500; ++round) {
        Random random(11, "csv fuzz", round);
        std::string text;
        for (auto length = random.below(60); length > 0; --length)
            text += random.pick(kAlphabet);
        CHECK(readAll(text).size() <= text.size());
    }
}
