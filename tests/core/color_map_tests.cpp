// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "core/color_map.hpp"

#include "core/error.hpp"
#include "tests/support/catch.hpp"

#include <cmath>

using namespace kvviz;
using core::ColorMap;

TEST_CASE("Tables for values grow lighter from end to end", "[unit][color]")
{
    const auto map = GENERATE(ColorMap::viridis, ColorMap::cividis, ColorMap::magma);
    const auto& table = core::colorTable(map);
    for (std::size_t i = 1; i < table.size(); ++i)
        CHECK(core::lightness(table[i]) >= core::lightness(table[i - 1]) - 0.35); // one step of 8 bits
    CHECK(core::lightness(table.back()) - core::lightness(table.front()) > 65.0);
    for (std::size_t i = 16; i < table.size(); i += 16) // and evenly: no flat stretch
        CHECK(core::lightness(table[i]) - core::lightness(table[i - 16]) > 1.5);
}

TEST_CASE("Tables start and end with the published colours", "[unit][color]")
{
    CHECK(core::colorTable(ColorMap::viridis).front() == core::Rgb{0x44, 0x01, 0x54});
    CHECK(core::colorTable(ColorMap::viridis).back() == core::Rgb{0xfd, 0xe7, 0x25});
    CHECK(core::colorTable(ColorMap::cividis).front() == core::Rgb{0x00, 0x22, 0x4e});
    CHECK(core::colorTable(ColorMap::magma).back() == core::Rgb{0xfc, 0xfd, 0xbf});
}

TEST_CASE("The diverging table is neutral in the middle and as dark at both ends", "[unit][color]")
{
    const auto& table = core::colorTable(ColorMap::diverging);
    CHECK(core::lightness(table[127]) > 95.0);
    CHECK(std::abs(core::lightness(table.front()) - core::lightness(table.back())) < 6.0);
    for (std::size_t i = 0; i < 128; ++i)
        CHECK(std::abs(core::lightness(table[i]) - core::lightness(table[255 - i])) < 8.0);
}

TEST_CASE("Colour maps are found by name", "[unit][color]")
{
    for (const std::string& name : core::colorMapNames())
        CHECK(core::colorMapName(core::colorMapFromName(name)) == name);
    CHECK_THROWS_WITH(core::colorMapFromName("viridos"), Catch::Contains("viridis"));
    CHECK_THROWS_AS(core::colorMapFromName("jet"), core::Error);
}

TEST_CASE("Lightness of black, white and grey", "[unit][color]")
{
    CHECK(core::lightness({0, 0, 0}) == Approx(0.0).margin(1e-6));
    CHECK(core::lightness({255, 255, 255}) == Approx(100.0).margin(0.01));
    CHECK(core::lightness({119, 119, 119}) == Approx(50.0).margin(0.5)); // the usual middle grey
}
