// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Lists of indices and numbers, sizes in bytes.
#include "app/console.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"

#include <fmt/format.h>

#include <random>
#include <set>

using namespace kvviz;
using app::parseByteSize;
using app::parseIndexList;
using app::parseNumberList;

namespace {

template <typename Function>
std::string usageError(Function&& function)
{
    try {
        function();
    } catch (const core::Error& error) {
        CHECK(error.code() == core::ErrorCode::usage);
        return error.what();
    }
    return {};
}

} // namespace

TEST_CASE("index lists are ascending and distinct, and an empty one means all", "[cli][unit]")
{
    CHECK(parseIndexList("0-3,7", 10, "--layers") == std::vector<int>{0, 1, 2, 3, 7});
    CHECK(parseIndexList("7, 0 - 2 ,1", 10, "--layers") == std::vector<int>{0, 1, 2, 7});
    CHECK(parseIndexList("", 3, "--layers") == std::vector<int>{0, 1, 2});
    CHECK(parseIndexList("9", 10, "--layers") == std::vector<int>{9});
}

TEST_CASE("index lists written from a random set read back as that set", "[cli][unit]")
{
    std::mt19937 random(7);
    for (int round = 0; round < 200; ++round) {
        std::set<int> chosen;
        std::string text;
        for (int part = 0; part < 1 + int(random() % 6); ++part) {
            const int first = int(random() % 50), last = first + int(random() % (50 - unsigned(first)));
            text += text.empty() ? "" : ",";
            text += first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
            for (int i = first; i <= last; ++i)
                chosen.insert(i);
        }
        INFO(text);
        CHECK(parseIndexList(text, 50, "--heads") == std::vector<int>(chosen.begin(), chosen.end()));
    }
}

TEST_CASE("wrong index lists name the option and the wrong piece", "[cli][unit]")
{
    for (const char* text :
         {"a", "1,,2", ",", "1-", "-1", "3-1", "10", "0-10", "1.5", "99999999999999999999", "1-2-3"}) {
        INFO(text);
        CHECK_THAT(usageError([&] { static_cast<void>(parseIndexList(text, 10, "--layers")); }),
                   Catch::Contains("--layers"));
    }
    CHECK_THAT(usageError([] { static_cast<void>(parseIndexList("0-12", 10, "--layers")); }),
               Catch::Contains("the last one is 9"));
}

TEST_CASE("number lists fill an ellipsis with equal steps, exact to the decimals as typed", "[cli][unit]")
{
    const std::vector<double> nine{0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1};
    CHECK(parseNumberList("0.9,...,0.1", "--ratios") == nine);
    CHECK(parseNumberList("0.9,0.8,...,0.1", "--ratios") == nine);
    CHECK(parseNumberList("0.9, 0.7, ..., 0.1", "--ratios") == std::vector<double>{0.9, 0.7, 0.5, 0.3, 0.1});
    CHECK(parseNumberList("64,128,...,256", "--budget-tokens") == std::vector<double>{64, 128, 192, 256});
    CHECK(parseNumberList("1,...,4,10", "--budget-tokens") == std::vector<double>{1, 2, 3, 4, 10});
    CHECK(parseNumberList("0.05", "--ratios") == std::vector<double>{0.05});
    CHECK(parseNumberList("0.10,...,0.12", "--ratios") == std::vector<double>{0.10, 0.11, 0.12});
}

TEST_CASE("wrong number lists are refused", "[cli][unit]")
{
    for (const char* text : {"", "a", "0.9,", "...,0.1", "0.9,...", "0.9,...,...,0.1", "0.9,0.8,...,0.95",
                             "0.5,0.5,...,0.1", "0.9,0.6,...,0.1", "nan", "inf", "0,...,1000000", "0.9;0.8",
                             "0.5,...,0.5"}) {
        INFO(text);
        CHECK_THAT(usageError([&] { static_cast<void>(parseNumberList(text, "--ratios")); }),
                   Catch::Contains("--ratios"));
    }
}

TEST_CASE("byte sizes take decimal and binary units", "[cli][unit]")
{
    CHECK(parseByteSize("1048576", "--max-bytes") == 1048576);
    CHECK(parseByteSize("2GB", "--max-bytes") == 2'000'000'000);
    CHECK(parseByteSize("2 gb", "--max-bytes") == 2'000'000'000);
    CHECK(parseByteSize("500M", "--max-bytes") == 500'000'000);
    CHECK(parseByteSize("1.5GiB", "--max-bytes") == 1'610'612'736);
    CHECK(parseByteSize("64KiB", "--max-bytes") == 65536);
    CHECK(parseByteSize("0", "--max-bytes") == 0);
    for (const char* text : {"", "GB", "-1", "2XB", "1e400", "99999999999TB", "2GB2", "nan"}) {
        INFO(text);
        CHECK_THAT(usageError([&] { static_cast<void>(parseByteSize(text, "--max-bytes")); }),
                   Catch::Contains("is not a size in bytes"));
    }
}

TEST_CASE("time stamps are ISO 8601 in UTC", "[cli][unit]")
{
    const std::string now = app::utcNow();
    REQUIRE(now.size() == 20);
    CHECK(now[4] == '-');
    CHECK(now[10] == 'T');
    CHECK(now.back() == 'Z');
    CHECK(app::creatorName().starts_with("kvviz "));
}
