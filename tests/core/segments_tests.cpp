// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Segments: names, and from bytes to tokens.
#include "core/segments.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <random>

using namespace kvviz::core;

TEST_CASE("each kind of segment has a name that leads back to it", "[unit]")
{
    for (int i = 0; i < 7; ++i) {
        const auto kind = static_cast<SegmentKind>(i);
        CHECK(segmentKindFromName(segmentKindName(kind)) == kind);
    }
    CHECK(segmentKindName(SegmentKind::shot) == "shot");
    CHECK_FALSE(segmentKindFromName("Shot"));
    CHECK_FALSE(segmentKindFromName(""));
}

TEST_CASE("a token belongs to the segment that holds its first byte", "[unit]")
{
    std::mt19937 random(4);
    for (int round = 0; round < 500; ++round) {
        const std::int64_t bytes = 1 + static_cast<std::int64_t>(random() % 60);
        std::vector<std::int64_t> tokenBegin{0};
        while (tokenBegin.back() + 1 < bytes)
            tokenBegin.push_back(std::min(bytes - 1, tokenBegin.back() + 1 + static_cast<std::int64_t>(random() % 5)));
        std::vector<Segment> segments; // cover all bytes
        for (std::int64_t begin = 0; begin < bytes;) {
            const std::int64_t end = std::min(bytes, begin + 1 + static_cast<std::int64_t>(random() % 20));
            segments.push_back({SegmentKind::shot, static_cast<int>(segments.size()), {begin, end}, "s"});
            begin = end;
        }
        const std::vector<Segment> tokens = toTokenSegments(segments, tokenBegin);
        REQUIRE(tokens.size() == segments.size());
        for (std::int64_t token = 0; token < std::ssize(tokenBegin); ++token)
            for (std::size_t i = 0; i < segments.size(); ++i)
                REQUIRE(tokens[i].span.contains(token)
                        == segments[i].span.contains(tokenBegin[static_cast<std::size_t>(token)]));
        REQUIRE(tokens.front().span.begin == 0);
        REQUIRE(tokens.back().span.end == std::ssize(tokenBegin));
        REQUIRE(tokens.front().label == "s");
    }
}

TEST_CASE("empty segments stay and a token without text is not assigned", "[unit]")
{
    const std::vector<Segment> segments{{SegmentKind::instruction, 0, {0, 4}, ""},
                                        {SegmentKind::shot, 0, {4, 4}, "empty"},
                                        {SegmentKind::question, 0, {4, 9}, ""}};
    const std::vector<Segment> tokens = toTokenSegments(segments, {0, 0, 3, 5}, 1); // token 0 is a BOS
    REQUIRE(tokens.size() == 3);
    CHECK(tokens[0].span == Span{1, 3});
    CHECK(tokens[1].span.empty());
    CHECK(tokens[2].span == Span{3, 4});
    CHECK(toTokenSegments(segments, {}).at(2).span.empty());
}
