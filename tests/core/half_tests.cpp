// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Half precision: all bit patterns, random floats against arithmetic in double, bulk route against scalar route.
#include "core/half.hpp"
#include "tests/support/catch.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

using namespace kvviz::core;

namespace {

/// The value of a half by its definition.
double valueOf(unsigned bits)
{
    const int exponent = static_cast<int>(bits >> 10 & 31);
    const double mantissa = bits & 1023;
    const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    return bits & 0x8000 ? -magnitude : magnitude;
}

/// Nearest half by comparing with both neighbours, ties to the even pattern.
Half nearestByHand(float value)
{
    const auto magnitude = static_cast<double>(std::fabs(value));
    unsigned low = 0, high = 0x7c00; // patterns of non-negative halves ascend with their values
    while (high - low > 1) {
        const unsigned middle = (low + high) / 2;
        (valueOf(middle) <= magnitude ? low : high) = middle;
    }
    const double below = magnitude - valueOf(low);
    const double above = (high == 0x7c00 ? 65536.0 : valueOf(high)) - magnitude;
    const unsigned nearest = below < above || (below == above && low % 2 == 0) ? low : high;
    return static_cast<Half>(nearest | (std::signbit(value) ? 0x8000u : 0u));
}

std::vector<float> hardFloats()
{
    std::mt19937 random(7);
    std::vector<float> values;
    for (int i = 0; i < 200000; ++i) { // every exponent, not only those of halves
        const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
        if (!std::isnan(value))
            values.push_back(value);
    }
    for (unsigned bits = 0; bits < 0x7c00; ++bits) { // halves, the midpoints above them, and both sides of those
        const double step = (bits == 0x7bff ? 65536.0 : valueOf(bits + 1)) - valueOf(bits);
        const auto middle = static_cast<float>(valueOf(bits) + step / 2);
        for (const float value : {static_cast<float>(valueOf(bits)), middle, std::nextafterf(middle, 0.0f),
                                  std::nextafterf(middle, 1e9f), -middle})
            values.push_back(value);
    }
    for (const float value : {0.0f, -0.0f, 65504.0f, 65519.99f, 65520.0f, 65536.0f, 1e30f, -1e30f,
                              std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                              std::numeric_limits<float>::denorm_min()})
        values.push_back(value);
    return values;
}

} // namespace

TEST_CASE("every half has the value of its definition and comes back", "[unit]")
{
    for (unsigned bits = 0; bits < 65536; ++bits) {
        const float value = halfToFloat(static_cast<Half>(bits));
        if ((bits & 0x7c00) != 0x7c00) {
            REQUIRE(static_cast<double>(value) == valueOf(bits));
            REQUIRE(std::signbit(value) == ((bits & 0x8000) != 0));
        } else if ((bits & 0x3ff) == 0) {
            REQUIRE(std::isinf(value));
        } else {
            REQUIRE(std::isnan(value));
            REQUIRE(std::isnan(halfToFloat(floatToHalf(value))));
            continue;
        }
        REQUIRE(floatToHalf(value) == bits);
    }
}

TEST_CASE("floats round to the nearest half, ties to even", "[unit]")
{
    for (const float value : hardFloats()) {
        const Half half = floatToHalf(value);
        if (half != nearestByHand(value)) {
            CAPTURE(value);
            REQUIRE(half == nearestByHand(value));
        }
    }
    CHECK(std::isnan(halfToFloat(floatToHalf(std::numeric_limits<float>::quiet_NaN()))));
}

TEST_CASE("bulk conversion agrees with the scalar route at every length", "[unit]")
{
    const std::vector<float> values = hardFloats();
    std::vector<Half> halves(values.size());
    floatToHalf(values.data(), halves.data(), values.size());
    for (std::size_t i = 0; i < values.size(); ++i)
        if (halves[i] != floatToHalf(values[i]))
            REQUIRE(halves[i] == floatToHalf(values[i]));

    std::vector<Half> all(65536);
    std::iota(all.begin(), all.end(), Half{0});
    std::vector<float> floats(all.size());
    halfToFloat(all.data(), floats.data(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        const float scalar = halfToFloat(all[i]);
        if (std::isnan(scalar))
            REQUIRE(std::isnan(floats[i])); // the hardware quiets signalling NaNs
        else
            REQUIRE(std::bit_cast<std::uint32_t>(floats[i]) == std::bit_cast<std::uint32_t>(scalar));
    }
    for (std::size_t length = 0; length < 20; ++length) { // no write beyond the end
        std::vector<Half> few(21, 0x1234);
        floatToHalf(values.data(), few.data(), length);
        REQUIRE(few[length] == 0x1234);
        std::vector<float> back(21, 7.0f);
        halfToFloat(few.data(), back.data(), length);
        REQUIRE(back[length] == 7.0f);
    }
}

TEST_CASE("bfloat16 rounds to nearest even and keeps NaN", "[unit]")
{
    for (unsigned bits = 0; bits < 65536; ++bits) {
        const float value = bfloat16ToFloat(static_cast<BFloat16>(bits));
        if (std::isnan(value)) {
            REQUIRE(std::isnan(bfloat16ToFloat(floatToBFloat16(value))));
            continue;
        }
        REQUIRE(floatToBFloat16(value) == bits);
        if (std::isinf(value) || (bits & 0x7fff) >= 0x7f7f)
            continue;
        const auto middle = std::bit_cast<float>((bits << 16) + 0x8000u);
        REQUIRE(floatToBFloat16(middle) == bits + bits % 2);
        REQUIRE(floatToBFloat16(std::bit_cast<float>((bits << 16) + 0x8001u)) == bits + 1);
        REQUIRE(floatToBFloat16(std::bit_cast<float>((bits << 16) + 0x7fffu)) == bits);
    }
}
