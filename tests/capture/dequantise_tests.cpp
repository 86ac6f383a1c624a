// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Dequantisation against the Python package gguf (tests/python/make_dequant_fixtures.py), bit for bit.
#include "tests/support/catch.hpp"

#include "capture/dequantise.hpp"
#include "core/error.hpp"

#include <cstring>
#include <fstream>
#include <iterator>

using namespace kvviz::capture;

namespace {

std::string readAll(const std::string& name)
{
    std::ifstream file(std::string(KVVIZ_TEST_DATA) + "/dequant/" + name, std::ios::binary);
    REQUIRE(file);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Bit patterns, so that -0 and infinities count too.
std::vector<std::uint32_t> bitsOf(const std::vector<float>& values)
{
    std::vector<std::uint32_t> bits(values.size());
    std::memcpy(bits.data(), values.data(), values.size() * sizeof(float));
    return bits;
}

struct Fixture {
    std::string bytes;           ///< 512 values
    std::vector<float> expected;

    explicit Fixture(const std::string& name) : bytes(readAll(name + ".bin")), expected(512)
    {
        const std::string values = readAll(name + ".f32");
        REQUIRE(values.size() == expected.size() * sizeof(float));
        std::memcpy(expected.data(), values.data(), values.size());
    }
    [[nodiscard]] TensorInfo tensor(TensorType type, std::vector<std::int64_t> shape) const
    {
        return {"t", type, std::move(shape), std::as_bytes(std::span(bytes))};
    }
};

const std::pair<const char*, TensorType> kTypes[] = {
    {"f32", TensorType::f32}, {"f16", TensorType::f16}, {"bf16", TensorType::bf16}, {"q4_0", TensorType::q4_0},
    {"q4_1", TensorType::q4_1}, {"q5_0", TensorType::q5_0}, {"q5_1", TensorType::q5_1}, {"q8_0", TensorType::q8_0},
    {"q4_k", TensorType::q4_k}, {"q5_k", TensorType::q5_k}, {"q6_k", TensorType::q6_k},
};

} // namespace

TEST_CASE("every tensor type is dequantised as the gguf package does", "[capture][unit]")
{
    for (const auto& [name, type] : kTypes) {
        INFO(name);
        const Fixture fixture(name);
        std::vector<float> values(512, -1.0f);
        dequantise(fixture.tensor(type, {2, 256}), values);
        CHECK(bitsOf(values) == bitsOf(fixture.expected));
    }
}

TEST_CASE("single rows are the rows of the whole", "[capture][unit]")
{
    for (const auto& [name, type] : kTypes) {
        INFO(name);
        const Fixture fixture(name);
        const TensorInfo tensor = fixture.tensor(type, {2, 256});
        for (std::int64_t row = 0; row < 2; ++row) {
            std::vector<float> values(256);
            dequantiseRows(tensor, row, 1, values);
            const auto begin = fixture.expected.begin() + row * 256;
            CHECK(bitsOf(values) == bitsOf({begin, begin + 256}));
        }
        std::vector<float> none;
        CHECK_NOTHROW(dequantiseRows(tensor, 2, 0, none));
    }
}

TEST_CASE("a tensor of many pieces is the same on several threads", "[capture][unit]")
{
    for (const auto& [name, type] : kTypes) {
        INFO(name);
        Fixture fixture(name);
        constexpr int kCopies = 1031; // pieces of 65536 values, the last one short
        std::string many;
        for (int i = 0; i < kCopies; ++i)
            many += fixture.bytes;
        fixture.bytes = many;
        std::vector<float> values(kCopies * 512);
        dequantise(fixture.tensor(type, {kCopies, 512}), values);
        int wrong = 0;
        for (int i = 0; i < kCopies; ++i)
            wrong += std::memcmp(values.data() + i * 512, fixture.expected.data(), 512 * sizeof(float)) != 0;
        CHECK(wrong == 0);
    }
}

TEST_CASE("a wrong room or wrong rows are refused", "[capture][unit]")
{
    const Fixture fixture("q4_0");
    const TensorInfo tensor = fixture.tensor(TensorType::q4_0, {2, 256});
    std::vector<float> tooSmall(511);
    CHECK_THROWS_AS(dequantise(tensor, tooSmall), kvviz::core::Error);
    std::vector<float> row(256);
    CHECK_THROWS_AS(dequantiseRows(tensor, 2, 1, row), kvviz::core::Error);
    CHECK_THROWS_AS(dequantiseRows(tensor, -1, 1, row), kvviz::core::Error);
    CHECK_THROWS_AS(dequantiseRows(tensor, 0, 2, row), kvviz::core::Error);
}

TEST_CASE("the supported types are named and no other number is taken for one", "[capture][unit]")
{
    int known = 0;
    for (std::uint32_t number = 0; number < 256; ++number)
        known += tensorTypeLayout(number) != nullptr ? 1 : 0;
    CHECK(known == 11);
    CHECK(tensorTypeLayout(10) == nullptr);
    CHECK(supportedTensorTypes() == "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K");
}
