// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The compact cache against a plain list of rows under random changes, and the memory it really takes.
#include "capture/compact_cache.hpp"
#include "core/error.hpp"
#include "tests/support/catch.hpp"

#include <malloc.h>
#include <map>
#include <numeric>
#include <random>

using namespace kvviz;
using namespace kvviz::capture;

namespace {

constexpr std::int64_t kDim = 6;

using Row = std::vector<float>;
/// What a KV head should hold: position -> key, value.
using Expected = std::map<std::int32_t, std::pair<Row, Row>>;

Row randomRow(std::mt19937& random)
{
    Row row(kDim);
    for (float& value : row)
        value = std::uniform_real_distribution<float>(-1, 1)(random);
    return row;
}

void requireEqual(const CompactCache& cache, std::int64_t layer, std::int64_t g, const Expected& expected)
{
    REQUIRE(cache.size(layer, g) == std::ssize(expected));
    std::int64_t place = 0;
    for (const auto& [position, rows] : expected) {
        REQUIRE(cache.positions(layer, g)[static_cast<std::size_t>(place)] == position);
        const float* const key = cache.key(layer, g) + place * kDim;
        const float* const value = cache.value(layer, g) + place * kDim;
        REQUIRE(Row(key, key + kDim) == rows.first);
        REQUIRE(Row(value, value + kDim) == rows.second);
        ++place;
    }
}

std::vector<std::int32_t> range(std::int32_t begin, std::int32_t end, std::int32_t step = 1)
{
    std::vector<std::int32_t> values;
    for (std::int32_t i = begin; i < end; i += step)
        values.push_back(i);
    return values;
}

} // namespace

TEST_CASE("a compact cache holds what a list of rows holds after any changes", "[capture][unit]")
{
    std::mt19937 random(GENERATE(1u, 2u, 3u));
    CompactCache cache(2, 3, kDim);
    std::map<std::pair<int, int>, Expected> expected;
    std::int32_t next = 40;
    std::vector<float> keys, values; // [next, d] of a prompt
    for (std::int32_t i = 0; i < next; ++i)
        for (std::vector<float>* rows : {&keys, &values}) {
            const Row row = randomRow(random);
            rows->insert(rows->end(), row.begin(), row.end());
        }
    const auto chance = [&](double p) { return std::bernoulli_distribution(p)(random); };
    for (int layer = 0; layer < 2; ++layer)
        for (int g = 0; g < 3; ++g) {
            std::vector<std::int32_t> kept;
            for (std::int32_t i = 0; i < next; ++i)
                if (chance(0.5)) {
                    kept.push_back(i);
                    const auto rowOf = [i](const std::vector<float>& rows) {
                        return Row(rows.begin() + i * kDim, rows.begin() + (i + 1) * kDim);
                    };
                    expected[{layer, g}][i] = {rowOf(keys), rowOf(values)};
                }
            cache.load(layer, g, keys.data(), values.data(), kept);
        }
    for (int step = 0; step < 300; ++step, ++next) {
        const int layer = step % 2, g = step % 3;
        Expected& rows = expected[{layer, g}];
        const Row key = randomRow(random), value = randomRow(random);
        cache.append(layer, g, next, key.data(), value.data());
        rows[next] = {key, value};
        if (chance(0.3)) { // one changes
            const std::int64_t place = std::uniform_int_distribution<std::int64_t>(0, std::ssize(rows) - 1)(random);
            const Row other = randomRow(random);
            const bool isKey = chance(0.5);
            cache.replace(layer, g, place, isKey ? other.data() : nullptr, isKey ? nullptr : other.data());
            auto& row = std::next(rows.begin(), place)->second;
            (isKey ? row.first : row.second) = other;
        }
        if (chance(0.3)) { // some go
            std::vector<std::int32_t> places;
            const double share = std::uniform_real_distribution<double>(0, 1)(random);
            std::int32_t place = 0;
            for (auto row = rows.begin(); row != rows.end(); ++place)
                if (chance(share)) {
                    places.push_back(place);
                    ++row;
                } else {
                    row = rows.erase(row);
                }
            cache.keep(layer, g, places);
        }
        requireEqual(cache, layer, g, rows);
    }
    std::int64_t held = 0;
    for (const auto& [head, rows] : expected) {
        requireEqual(cache, head.first, head.second, rows);
        held += std::ssize(rows);
    }
    CHECK(cache.nominalBytes() == held * kDim * 2 * 2);
    CHECK(cache.bytes() >= 2 * cache.nominalBytes());
}

TEST_CASE("dropped keys give their memory back", "[capture][unit]")
{
    constexpr std::int64_t d = 64;
    const std::int32_t n = 2000;
    const std::vector<float> rows(static_cast<std::size_t>(n * d), 1.0f);
    const auto inUse = [] {
        const struct mallinfo2 memory = mallinfo2();
        return static_cast<std::int64_t>(memory.uordblks + memory.hblkhd);
    };
    const std::int64_t before = inUse();
    CompactCache cache(4, 2, d);
    for (int layer = 0; layer < 4; ++layer)
        for (int g = 0; g < 2; ++g)
            cache.load(layer, g, rows.data(), rows.data(), range(0, n));
    const std::int64_t whole = cache.bytes();
    const std::int64_t exact = 4 * 2 * n * d * 2 * 4;
    CHECK(whole >= exact);
    CHECK(whole < exact * 5 / 4);
    const std::int64_t wholeInUse = inUse() - before;
    const auto keepEach = [&](std::int32_t apart) {
        for (int layer = 0; layer < 4; ++layer)
            for (int g = 0; g < 2; ++g)
                cache.keep(layer, g, range(0, static_cast<std::int32_t>(cache.size(layer, g)), apart));
    };
    keepEach(2);
    CHECK(cache.bytes() < whole * 6 / 10);
    keepEach(5);
    CHECK(cache.nominalBytes() == exact / 2 / 10);
    CHECK(cache.bytes() < whole / 6);
    if (wholeInUse > 0) // an allocator that reports nothing (address sanitizer) says 0
        CHECK(inUse() - before < wholeInUse / 6);
    keepEach(1000);
    CHECK(cache.bytes() < whole / 40);
}

TEST_CASE("a cache that grows token by token reserves little", "[capture][unit]")
{
    CompactCache cache(1, 1, kDim);
    const Row row(kDim, 2.0f);
    const float* address = nullptr;
    int moves = 0;
    for (std::int32_t i = 0; i < 3000; ++i) {
        cache.append(0, 0, i, row.data(), row.data());
        moves += cache.key(0, 0) != address ? 1 : 0;
        address = cache.key(0, 0);
        REQUIRE(cache.bytes() <= ((i + 1) * 9 / 8 + 18) * kDim * 2 * 4);
    }
    CHECK(moves < 60); // not copied at every token
    // One in, one out: neither grows nor is copied.
    moves = 0;
    for (std::int32_t i = 3000; i < 3500; ++i) {
        cache.append(0, 0, i, row.data(), row.data());
        cache.keep(0, 0, range(1, 3001));
        moves += cache.key(0, 0) != address ? 1 : 0;
        address = cache.key(0, 0);
    }
    CHECK(cache.size(0, 0) == 3000);
    CHECK(moves <= 1);
}

TEST_CASE("a compact cache refuses places and positions that cannot be", "[capture][unit]")
{
    CompactCache cache(1, 2, kDim);
    const std::vector<float> rows(10 * kDim, 1.0f);
    cache.load(0, 0, rows.data(), rows.data(), std::vector<std::int32_t>{1, 4, 9});
    const auto load = [&](std::vector<std::int32_t> positions) {
        cache.load(0, 0, rows.data(), rows.data(), positions);
    };
    CHECK_THROWS_AS(load({3, 3}), core::Error);
    CHECK_THROWS_AS(load({4, 2}), core::Error);
    CHECK_THROWS_AS(load({-1, 2}), core::Error);
    const auto keep = [&](std::vector<std::int32_t> places) { cache.keep(0, 0, places); };
    CHECK_THROWS_AS(keep({0, 3}), core::Error);
    CHECK_THROWS_AS(keep({1, 0}), core::Error);
    CHECK_THROWS_AS(keep({0, 0}), core::Error);
    CHECK_THROWS_AS(keep({-1}), core::Error);
    CHECK_THROWS_AS(cache.append(0, 0, 9, rows.data(), rows.data()), core::Error);
    CHECK_THROWS_AS(cache.replace(0, 0, 3, rows.data(), nullptr), core::Error);
    CHECK_THROWS_AS(cache.replace(0, 0, -1, rows.data(), nullptr), core::Error);
    CHECK_THROWS_AS(cache.size(1, 0), core::Error);
    CHECK_THROWS_AS(cache.size(0, 2), core::Error);
    CHECK(cache.size(0, 0) == 3); // unchanged by all of these
    keep({});
    CHECK(cache.size(0, 0) == 0);
    cache.append(0, 0, 0, rows.data(), rows.data()); // an empty cache takes any position
    CHECK(cache.size(0, 0) == 1);
    CHECK(cache.size(0, 1) == 0);
}
