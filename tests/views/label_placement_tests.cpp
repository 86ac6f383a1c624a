// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/label_placement.hpp"

#include "tests/support/catch.hpp"

#include <algorithm>
#include <random>

using namespace kvviz;
using plot::LabelWish;

TEST_CASE("Placed labels never overlap, keep their order and stay inside", "[views]")
{
    std::mt19937 random(GENERATE(1u, 2u, 3u, 4u, 5u, 6u));
    const int count = GENERATE(1, 3, 12, 60);
    std::uniform_real_distribution<double> where(0, 400), width(5, 25);
    std::vector<LabelWish> wishes;
    for (int i = 0; i < count; ++i)
        wishes.push_back({where(random), width(random), static_cast<int>(random() % 6)});
    std::sort(wishes.begin(), wishes.end(), [](const auto& a, const auto& b) { return a.center < b.center; });
    const auto placed = plot::placeLabels(wishes, 0, 400, 3);
    REQUIRE(!placed.empty());
    double right = -3;
    std::size_t last = 0;
    for (std::size_t i = 0; i < placed.size(); ++i) {
        const LabelWish& wish = wishes[placed[i].index];
        CHECK(placed[i].center - wish.width / 2 >= right + 3 - 1e-9);
        right = placed[i].center + wish.width / 2;
        CHECK((i == 0 || placed[i].index > last));
        last = placed[i].index;
    }
    CHECK(right <= 400 + 1e-9);
}

TEST_CASE("Labels that fit stay where they wish to be", "[views]")
{
    const std::vector<LabelWish> wishes{{10, 8, 0}, {50, 8, 1}, {90, 8, 0}};
    const auto placed = plot::placeLabels(wishes, 0, 100, 2);
    REQUIRE(placed.size() == 3);
    for (std::size_t i = 0; i < 3; ++i)
        CHECK(placed[i].center == Approx(wishes[i].center));
}

TEST_CASE("Crowded labels share the shift, and the least important go first", "[views]")
{
    const auto pair = plot::placeLabels({{50, 10, 0}, {50, 10, 0}}, 0, 100, 2);
    REQUIRE(pair.size() == 2);
    CHECK(pair[0].center == Approx(44));
    CHECK(pair[1].center == Approx(56));
    std::vector<LabelWish> shots;
    for (int shot = 1; shot <= 50; ++shot)
        shots.push_back({shot * 2.0, 12, plot::shotLabelRank(shot, 50)});
    const auto placed = plot::placeLabels(shots, 0, 102, 2);
    REQUIRE(placed.size() >= 4);
    CHECK(placed.front().index == 0); // S1
    CHECK(placed.back().index == 49); // S50
    for (std::size_t i = 1; i + 1 < placed.size(); ++i)
        CHECK((placed[i].index + 1) % 10 == 0);
    CHECK(plot::placeLabels({{5, 50, 0}}, 0, 10, 1).empty());
    CHECK(plot::placeLabels({}, 0, 10, 1).empty());
}
