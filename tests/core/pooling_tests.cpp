// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Pooling against going over every entry of every cell.
#include "core/error.hpp"
#include "core/pooling.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <random>

using namespace kvviz::core;

namespace {

/// Rows with poison above the diagonal: nothing may read it.
std::vector<float> causalRows(std::int64_t heads, std::int64_t n, unsigned seed)
{
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> uniform(0.0f, 1.0f);
    std::vector<float> rows(static_cast<std::size_t>(heads * n * n), 1e9f);
    for (std::int64_t row = 0; row < heads * n; ++row)
        for (std::int64_t k = 0; k <= row % n; ++k)
            rows[static_cast<std::size_t>(row * n + k)] = uniform(random);
    return rows;
}

struct Cell {
    double max = 0, mean = 0;
    std::int64_t count = 0;
};

Cell cellByHand(const float* map, std::int64_t n, Span queries, Span keys)
{
    Cell cell;
    for (std::int64_t q = queries.begin; q < std::min(queries.end, n); ++q)
        for (std::int64_t k = keys.begin; k < std::min(keys.end, q + 1); ++k) {
            cell.max = std::max(cell.max, static_cast<double>(map[q * n + k]));
            cell.mean += static_cast<double>(map[q * n + k]);
            ++cell.count;
        }
    cell.mean /= static_cast<double>(std::max<std::int64_t>(cell.count, 1));
    return cell;
}

void requirePyramid(const std::vector<PyramidLevel>& levels, const std::vector<float>& rows, int heads, std::int64_t n)
{
    for (const PyramidLevel& level : levels) {
        REQUIRE(std::ssize(level.max) == heads * level.cells * level.cells);
        for (std::int64_t i = 0; i < std::ssize(level.max); ++i) {
            const std::int64_t row = i / level.cells % level.cells, column = i % level.cells, size = level.cellSize;
            const float* map = rows.data() + i / (level.cells * level.cells) * n * n;
            const Cell cell = cellByHand(map, n, {row * size, (row + 1) * size}, {column * size, (column + 1) * size});
            REQUIRE(causalEntries(row, column, size, n) == cell.count);
            const float max = level.max[static_cast<std::size_t>(i)], mean = level.mean[static_cast<std::size_t>(i)];
            if (cell.count == 0) {
                REQUIRE(std::isnan(max));
                REQUIRE(std::isnan(mean));
            } else {
                REQUIRE(static_cast<double>(max) == cell.max);
                REQUIRE(static_cast<double>(mean) == Approx(cell.mean).epsilon(1e-5));
            }
        }
    }
}

} // namespace

TEST_CASE("the pyramid of any length and block size is what pooling by hand gives", "[unit]")
{
    for (const std::int64_t n : {1, 2, 31, 32, 33, 64, 70, 129, 257}) {
        for (const std::int64_t cap : {1, 7, 32, 40, 100, 512}) {
            const std::vector<float> rows = causalRows(2, n, static_cast<unsigned>(n));
            MapPyramid pyramid(2, n, cap);
            for (std::int64_t begin = 0, block = 1; begin < n; begin += block, block = block % 13 + 3)
                pyramid.addRows(begin, std::min(block, n - begin), rows.data() + begin * n, n * n, n);
            const std::vector<PyramidLevel> levels = pyramid.result();
            REQUIRE(static_cast<int>(levels.size()) == pyramid.levels());
            CHECK(levels.front().cells <= std::min(cap, n));
            CHECK(levels.front().cellSize == (n + cap - 1) / cap);
            CHECK(levels.back().cells <= MapPyramid::kSmallest);
            for (std::size_t i = 1; i < levels.size(); ++i)
                CHECK(levels[i].cells == (levels[i - 1].cells + 1) / 2);
            requirePyramid(levels, rows, 2, n);
        }
    }
}

TEST_CASE("a pyramid can be reset and fed head by head", "[unit]")
{
    const std::vector<float> old = causalRows(3, 90, 1), rows = causalRows(3, 90, 2);
    MapPyramid pyramid(3, 90, 40);
    pyramid.addRows(0, 90, old.data(), 90 * 90, 90);
    pyramid.reset();
    for (int head = 2; head >= 0; --head)
        pyramid.addHeadRows(head, 0, 90, rows.data() + head * 90 * 90, 90);
    requirePyramid(pyramid.result(), rows, 3, 90);
    CHECK_THROWS_AS(pyramid.addHeadRows(3, 0, 1, rows.data(), 90), Error);
    CHECK_THROWS_AS(pyramid.addHeadRows(0, 80, 11, rows.data(), 90), Error);
}

TEST_CASE("the cells of a level say the cell size again", "[unit]")
{
    for (std::int64_t n = 1; n < 700; n += 3)
        for (const std::int64_t cap : {1, 5, 32, 100, 512})
            for (int level = 0; level < MapPyramid::levelCount(n, cap); ++level) {
                const std::int64_t cells = MapPyramid::levelCells(n, cap, 0);
                REQUIRE(MapPyramid::levelCells(n, cells, level) == MapPyramid::levelCells(n, cap, level));
                REQUIRE(MapPyramid::levelCellSize(n, cells, level) == MapPyramid::levelCellSize(n, cap, level));
            }
}

TEST_CASE("bins are as many as allowed and the last may be ragged", "[unit]")
{
    CHECK(Bins::over(10, 10).count == 10);
    CHECK(Bins::over(10, 4).size == 3);
    CHECK(Bins::over(10, 4).count == 4);
    CHECK(Bins::over(3, 100).count == 3);
    CHECK_THROWS_AS(Bins::over(0, 3), Error);
    CHECK_THROWS_AS(Bins::over(3, 0), Error);
}

TEST_CASE("a tile keeps one-token lines and masks what no query can see", "[unit]")
{
    const std::int64_t n = 500;
    std::vector<float> rows(static_cast<std::size_t>(n * n), 0.0f);
    for (std::int64_t q = 100; q < n; ++q)
        rows[static_cast<std::size_t>(q * n + 77)] = 0.25f; // one column
    TilePooler pooler({0, n}, {0, n}, 20, 20, Pooling::max);
    for (std::int64_t q = n - 1; q >= 0; --q) // any order
        pooler.addRow(q, rows.data() + q * n);
    pooler.addRow(n + 5, rows.data()); // outside: ignored
    const std::vector<float> tile = pooler.result();
    for (std::int64_t i = 0; i < 20; ++i)
        for (std::int64_t j = 0; j < 20; ++j) {
            const float value = tile[static_cast<std::size_t>(i * 20 + j)];
            if (j > i)
                REQUIRE(std::isnan(value));
            else
                REQUIRE(value == (j == 3 && i >= 4 ? 0.25f : 0.0f));
        }
}
