// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/map_image.hpp"

#include "tests/support/catch.hpp"
#include "tests/views/made_up.hpp"

#include <cmath>
#include <limits>
#include <random>

using namespace kvviz;
using plot::PixelGrid;

namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

io::MapTile tileOf(std::int64_t rows, std::int64_t columns, std::vector<float> values)
{
    io::MapTile tile;
    tile.rows = rows;
    tile.columns = columns;
    tile.queryEnd = static_cast<double>(rows);
    tile.keyEnd = static_cast<double>(columns);
    tile.values = std::move(values);
    return tile;
}

} // namespace

TEST_CASE("Smaller pixels show the nearest cell, larger ones pool whole cells", "[views]")
{
    const auto tile = tileOf(1, 4, {1, 2, 3, 4});
    CHECK(plot::resampleTile(tile, io::Pooling::max, {0, 4, 0, 1, 8, 1}) == std::vector<float>{1, 1, 2, 2, 3, 3, 4, 4});
    CHECK(plot::resampleTile(tile, io::Pooling::max, {0, 4, 0, 1, 4, 1}) == std::vector<float>{1, 2, 3, 4});
    CHECK(plot::resampleTile(tile, io::Pooling::max, {0, 4, 0, 1, 2, 1}) == std::vector<float>{2, 4});
    CHECK(plot::resampleTile(tile, io::Pooling::mean, {0, 4, 0, 1, 2, 1}) == std::vector<float>{1.5, 3.5});
    CHECK(plot::resampleTile(tile, io::Pooling::max, {1, 3, 0, 1, 2, 1}) == std::vector<float>{2, 3});
}

TEST_CASE("What lies outside of the tile is masked", "[views]")
{
    const auto values = plot::resampleTile(tileOf(1, 2, {1, 2}), io::Pooling::max, {-1, 3, 0, 1, 4, 1});
    CHECK(std::isnan(values[0]));
    CHECK(values[1] == 1);
    CHECK(values[2] == 2);
    CHECK(std::isnan(values[3]));
    CHECK(std::isnan(plot::resampleTile({}, io::Pooling::max, {0, 1, 0, 1, 1, 1})[0]));
}

TEST_CASE("Pooling leaves no cell out and counts none twice", "[views]")
{
    const int pixels = GENERATE(1, 7, 50, 99, 100);
    std::mt19937 random(4);
    std::uniform_real_distribution<float> draw(0, 1);
    std::vector<float> values(100);
    for (float& value : values)
        value = draw(random);
    // One cell is set apart at a time: it must appear in exactly one pixel.
    for (std::size_t cell = 0; cell < values.size(); ++cell) {
        std::vector<float> marked(100, 0.0f);
        marked[cell] = 1.0f;
        const auto shown = plot::resampleTile(tileOf(1, 100, marked), io::Pooling::max, {0, 100, 0, 1, pixels, 1});
        CHECK(std::count(shown.begin(), shown.end(), 1.0f) == 1);
    }
    const auto means = plot::resampleTile(tileOf(1, 100, values), io::Pooling::mean, {0, 100, 0, 1, pixels, 1});
    if (100 % pixels == 0) {
        double sum = 0, all = 0;
        for (const float mean : means)
            sum += mean * (100.0 / pixels);
        for (const float value : values)
            all += value;
        CHECK(sum == Approx(all));
    }
}

TEST_CASE("Masked cells do not darken the mean, and zero is not masked", "[views]")
{
    const auto values = plot::resampleTile(tileOf(1, 4, {kNaN, 4, kNaN, kNaN}), io::Pooling::mean, {0, 4, 0, 1, 2, 1});
    CHECK(values[0] == 4);
    CHECK(std::isnan(values[1]));
    plot::ColorScale scale;
    const QRgb masked = qRgb(1, 2, 3);
    const QImage image = plot::colorImage({0.0f, kNaN, 1.0f}, 3, 1, scale, masked);
    const auto& table = core::colorTable(scale.map);
    CHECK(image.pixel(0, 0) == qRgb(table[0].red, table[0].green, table[0].blue));
    CHECK(image.pixel(1, 0) == masked);
    CHECK(image.pixel(2, 0) == qRgb(table[255].red, table[255].green, table[255].blue));
}

TEST_CASE("Colours follow the scale and stop at its ends", "[views]")
{
    plot::ColorScale log{core::ColorMap::viridis, true, 1e-4, 1.0, ""};
    CHECK(plot::colorIndex(1e-4, log) == 0);
    CHECK(plot::colorIndex(1e-2, log) == Approx(127.5).margin(1));
    CHECK(plot::colorIndex(5.0, log) == 255);
    CHECK(plot::colorIndex(0.0, log) == 0);
    plot::ColorScale linear{core::ColorMap::viridis, false, 0.0, 0.5, ""};
    CHECK(plot::colorIndex(0.25, linear) == Approx(127.5).margin(1));
    CHECK(plot::colorIndex(-1.0, linear) == 0);
}

TEST_CASE("The value under a point is the value of its cell", "[views]")
{
    const auto tile = tileOf(2, 2, {1, kNaN, 3, 4});
    CHECK(plot::tileValue(tile, 0.5, 0.9) == 1);
    CHECK(std::isnan(plot::tileValue(tile, 0.5, 1.5)));
    CHECK(plot::tileValue(tile, 1.9, 0.0) == 3);
    CHECK(std::isnan(plot::tileValue(tile, 2.0, 0.0)));
    CHECK(std::isnan(plot::tileValue(tile, -0.1, 0.0)));
    CHECK(std::isnan(plot::tileValue({}, 0, 0)));
}
