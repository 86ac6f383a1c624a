// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Rotary embedding: rotations add, keep lengths, and make dot products depend on distance alone.
#include "core/error.hpp"
#include "core/rotary.hpp"
#include "tests/support/catch.hpp"

#include <cmath>
#include <random>

using namespace kvviz::core;

namespace {

std::vector<float> randomVector(std::size_t size, unsigned seed)
{
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> vector(size);
    for (float& value : vector)
        value = normal(random);
    return vector;
}

double dot(const std::vector<float>& a, const std::vector<float>& b)
{
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += static_cast<double>(a[i]) * b[i];
    return sum;
}

} // namespace

TEST_CASE("a rotation and its reverse give the vector back", "[unit]")
{
    const Rotary rotary(100000.0, 16);
    const std::vector<float> before = randomVector(20, 1); // four channels beyond the rotated ones
    std::vector<float> after = before;
    rotary.rotate(after.data(), 5000);
    CHECK(std::equal(after.begin() + 16, after.end(), before.begin() + 16));
    CHECK(dot(after, after) == Approx(dot(before, before)));
    CHECK(std::abs(after[0] - before[0]) > 1e-3);
    rotary.rotate(after.data(), -5000);
    for (std::size_t i = 0; i < before.size(); ++i)
        CHECK(after[i] == Approx(before[i]).margin(1e-6));
}

TEST_CASE("rotated queries and keys know only their distance", "[unit]")
{
    const Rotary rotary(10000.0, 8);
    const auto score = [&](std::int64_t query, std::int64_t key) {
        std::vector<float> q = randomVector(8, 2), k = randomVector(8, 3);
        rotary.rotate(q.data(), query);
        rotary.rotate(k.data(), key);
        return dot(q, k);
    };
    CHECK(score(700, 690) == Approx(score(10, 0)).margin(1e-5));
    CHECK(score(700, 600) != Approx(score(10, 0)).margin(1e-3));
}

TEST_CASE("channel i turns with channel i + half by theta to the power of -2 i / dim", "[unit]")
{
    const Rotary rotary(10000.0, 4);
    std::vector<float> vector{1, 0, 0, 0};
    rotary.rotate(vector.data(), 1);
    CHECK(vector[0] == Approx(std::cos(1.0)));
    CHECK(vector[2] == Approx(std::sin(1.0)));
    CHECK(rotary.frequencies()[1] == Approx(0.01));
}

TEST_CASE("rows are turned by their positions", "[unit]")
{
    const Rotary rotary(10000.0, 8);
    std::vector<float> rows = randomVector(24, 5), one(rows.begin() + 8, rows.begin() + 16);
    rotary.rotateRows(rows.data(), 3, 8, 30, -1);
    rotary.rotate(one.data(), -31);
    CHECK(std::equal(one.begin(), one.end(), rows.begin() + 8));
}

TEST_CASE("a table of angles turns as the angles do, and back", "[unit]")
{
    const Rotary rotary(10000.0, 8);
    const std::vector<float> table = rotary.table(100, 3);
    std::vector<float> before = randomVector(8, 6), exact = before, quick = before;
    rotary.rotate(exact.data(), 102);
    Rotary::rotateBy(table.data() + 2 * rotary.dim(), quick.data(), rotary.dim(), 1);
    for (std::size_t i = 0; i < quick.size(); ++i)
        CHECK(quick[i] == Approx(exact[i]).margin(1e-6));
    Rotary::rotateBy(table.data() + 2 * rotary.dim(), quick.data(), rotary.dim(), -1);
    for (std::size_t i = 0; i < quick.size(); ++i)
        CHECK(quick[i] == Approx(before[i]).margin(1e-6));
}

TEST_CASE("scaled rotations need the captured frequencies", "[unit]")
{
    ModelInfo model;
    model.name = "long";
    model.ropeDim = 4;
    model.ropeScaling = "yarn";
    CHECK_THROWS_AS(Rotary(model, 0), Error);
    model.ropeFrequencies = {0.5f, 0.25f};
    CHECK(Rotary(model, 0).frequencies() == std::vector<double>{0.5, 0.25});
}
