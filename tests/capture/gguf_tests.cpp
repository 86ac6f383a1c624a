// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The GGUF reader: what it reads, and that a damaged or hostile file gives Error(badInput) and nothing else.
#include "tests/support/catch.hpp"

#include "capture/gguf.hpp"
#include "capture/tokenizer.hpp"
#include "core/error.hpp"
#include "tests/support/bad_input.hpp"
#include "tests/support/gguf_builder.hpp"
#include "tests/support/scratch_folder.hpp"

#include <cstring>
#include <fstream>
#include <limits>
#include <random>

using namespace kvviz::capture;
using namespace kvviz::test;
using Catch::Matchers::Contains;

namespace {

template <class T> std::string bytesOf(T value)
{
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// The message that a file with these bytes is refused with.
std::string refusal(const ScratchFolder& folder, const std::string& bytes)
{
    const auto path = folder.write("hostile.gguf", bytes);
    const std::string message = badInputMessage([&] { GgufFile file(path); });
    CHECK_THAT(message, Contains(path.string()));
    return message;
}

/// A header that announces this many tensors and metadata keys.
std::string header(std::uint64_t tensors, std::uint64_t keys, std::uint32_t version = 3)
{
    return "GGUF" + bytesOf(version) + bytesOf(tensors) + bytesOf(keys);
}

/// Reads all that there is to read: metadata, every tensor, the tokenizer. False if something was refused.
bool loadsOrRefuses(const std::filesystem::path& path)
{
    try {
        const GgufFile file(path);
        std::vector<float> values;
        for (const TensorInfo& tensor : file.tensors()) {
            values.resize(static_cast<std::size_t>(tensor.elements()));
            dequantise(tensor, values);
        }
        const Tokenizer tokenizer(file);
        (void)tokenizer.encode("the and \xff<|im_end|>");
        return true;
    } catch (const kvviz::core::Error& error) {
        if (error.code() != kvviz::core::ErrorCode::badInput)
            throw;
        return false;
    }
}

} // namespace

TEST_CASE("every metadata type is read in both versions", "[capture][unit]")
{
    const ScratchFolder folder;
    const auto version = GENERATE(2u, 3u);
    GgufBuilder builder(version);
    builder.raw("u8", 0, "\xff").raw("i8", 1, "\xff").raw("u16", 2, "\xff\xff").raw("i16", 3, "\xff\xff");
    builder.u32("u32", 4'000'000'000u).i32("i32", -5).u64("u64", std::numeric_limits<std::uint64_t>::max());
    builder.raw("i64", 11, bytesOf(std::int64_t{-7})).f32("f32", 0.5f).f64("f64", 0.1);
    builder.boolean("yes", true).boolean("no", false).string("text", "na\u00efve").string("empty", "");
    builder.strings("words", {"a", "", "c d"}).i32s("numbers", {1, -2}).f32s("reals", {0.25f});
    builder.raw("bits", 9, bytesOf(7u) + bytesOf(std::uint64_t{3}) + std::string("\1\0\1", 3));
    builder.write(folder / "m.gguf");
    const GgufFile file(folder / "m.gguf");
    CHECK(file.version() == version);
    CHECK(file.metadata().size() == 18);
    CHECK(file.integer("u8") == 255);
    CHECK(file.integer("i8") == -1);
    CHECK(file.integer("u16") == 65535);
    CHECK(file.integer("i16") == -1);
    CHECK(file.integer("u32") == 4'000'000'000);
    CHECK(file.integer("i32") == -5);
    CHECK(file.integer("i64") == -7);
    CHECK(file.integer("absent", 9) == 9);
    CHECK(file.real("f32", 0) == 0.5);
    CHECK(file.real("f64", 0) == 0.1);
    CHECK(file.real("i32", 0) == -5.0);
    CHECK(file.real("absent", 2.5) == 2.5);
    CHECK(file.boolean("yes", false));
    CHECK_FALSE(file.boolean("no", true));
    CHECK(file.boolean("absent", true));
    CHECK(file.string("text") == "na\u00efve");
    CHECK(file.string("empty", "x").empty());
    CHECK(file.string("absent", "x") == "x");
    CHECK(file.strings("words") == std::vector<std::string>{"a", "", "c d"});
    CHECK(file.integers("numbers") == std::vector<std::int64_t>{1, -2});
    CHECK(std::get<std::vector<double>>(file.metadata().at("reals")) == std::vector<double>{0.25});
    CHECK(std::get<std::vector<bool>>(file.metadata().at("bits")) == std::vector<bool>{true, false, true});
    CHECK_THAT(badInputMessage([&] { (void)file.integer("u64"); }), Contains("'u64'") && Contains("out of range"));
    CHECK_THAT(badInputMessage([&] { (void)file.integer("absent"); }), Contains("'absent'") && Contains("missing"));
    CHECK_THAT(badInputMessage([&] { (void)file.integer("text", 1); }), Contains("'text'") && Contains("an integer"));
    CHECK_THAT(badInputMessage([&] { (void)file.boolean("u8", true); }), Contains("'u8'") && Contains("a boolean"));
    CHECK_THAT(badInputMessage([&] { (void)file.string("u8"); }), Contains("'u8'") && Contains("a text"));
    CHECK_THAT(badInputMessage([&] { (void)file.strings("numbers"); }), Contains("an array of texts"));
    CHECK_THAT(badInputMessage([&] { (void)file.integers("words"); }), Contains("an array of integers"));
    CHECK_THAT(badInputMessage([&] { (void)file.real("words", 0); }), Contains("'words'"));
}

TEST_CASE("tensors are found with their shape outermost first and their bytes", "[capture][unit]")
{
    const ScratchFolder folder;
    const std::uint64_t alignment = GENERATE(std::uint64_t{1}, std::uint64_t{32}, std::uint64_t{4096});
    GgufBuilder builder;
    builder.u32("general.alignment", static_cast<std::uint32_t>(alignment)).alignment(alignment);
    builder.tensor("a", {2, 3}, {1, 2, 3, 4, 5, 6}).tensor("b", {1}, {7}).tensor("c", {2, 1, 1, 2}, {8, 9, 10, 11});
    builder.write(folder / "m.gguf");
    const GgufFile file(folder / "m.gguf");
    REQUIRE(file.tensors().size() == 3);
    CHECK(file.findTensor("none") == nullptr);
    std::vector<float> values(6);
    dequantise(file.tensor("a", {2, 3}), values);
    CHECK(values == std::vector<float>{1, 2, 3, 4, 5, 6});
    std::vector<float> row(3);
    dequantiseRows(file.tensor("a", {2, 3}), 1, 1, row);
    CHECK(row == std::vector<float>{4, 5, 6});
    std::vector<float> one(1);
    dequantise(file.tensor("b", {1}), one);
    CHECK(one[0] == 7);
    CHECK(file.findTensor("c")->shape == std::vector<std::int64_t>{2, 1, 1, 2});
    CHECK(file.findTensor("c")->elements() == 4);
    CHECK_THAT(badInputMessage([&] { (void)file.tensor("a", {3, 2}); }), Contains("[2, 3]") && Contains("[3, 2]"));
    CHECK_THAT(badInputMessage([&] { (void)file.tensor("none", {1}); }), Contains("'none'") && Contains("missing"));
}

TEST_CASE("a file that is no little-endian GGUF of version 2 or 3 is refused", "[capture][unit]")
{
    const ScratchFolder folder;
    CHECK_THAT(refusal(folder, "GG"), Contains("not a GGUF file"));
    CHECK_THAT(refusal(folder, "PK\3\4 something else entirely"), Contains("not a GGUF file"));
    CHECK_THAT(refusal(folder, "GGUF"), Contains("truncated"));
    CHECK_THAT(refusal(folder, header(0, 0, 1)), Contains("version 1"));
    CHECK_THAT(refusal(folder, header(0, 0, 0)), Contains("version 0"));
    CHECK_THAT(refusal(folder, header(0, 0, 4)), Contains("version 4"));
    CHECK_THAT(refusal(folder, header(0, 0, 3u << 24)), Contains("big-endian"));
}

TEST_CASE("counts and lengths beyond the file are refused before memory is asked for", "[capture][unit]")
{
    const ScratchFolder folder;
    constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();
    CHECK_THAT(refusal(folder, header(kHuge, 0)), Contains("tensors are announced"));
    CHECK_THAT(refusal(folder, header(0, kHuge)), Contains("metadata keys are announced"));
    CHECK_THAT(refusal(folder, header(0, 1) + bytesOf(kHuge) + "12345"), Contains("metadata key 1 of 1"));
    const auto value = [&](std::uint32_t type, const std::string& bytes) {
        return refusal(folder, GgufBuilder().raw("key", type, bytes).alignment(1).build());
    };
    CHECK_THAT(value(8, bytesOf(kHuge) + "x"), Contains("'key'") && Contains("bytes of text"));
    CHECK_THAT(value(9, bytesOf(8u) + bytesOf(kHuge)), Contains("strings are announced"));
    CHECK_THAT(value(9, bytesOf(10u) + bytesOf(kHuge / 8 + 1)), Contains("array elements"));
    CHECK_THAT(value(9, bytesOf(7u) + bytesOf(kHuge)), Contains("array elements"));
    CHECK_THAT(value(9, bytesOf(10u) + bytesOf(std::uint64_t{1}) + bytesOf(kHuge)), Contains("signed 64-bit"));
    CHECK_THAT(value(9, bytesOf(9u) + bytesOf(std::uint64_t{0})), Contains("array of arrays"));
    CHECK_THAT(value(9, bytesOf(99u) + bytesOf(std::uint64_t{0})), Contains("type 99"));
    CHECK_THAT(value(13, std::string(16, '\0')), Contains("type 13"));
}

TEST_CASE("contradictory metadata and tensor tables are refused with the name", "[capture][unit]")
{
    const ScratchFolder folder;
    const auto twice = GgufBuilder().u32("a.key", 1).u32("a.key", 1);
    CHECK_THAT(refusal(folder, twice.build()), Contains("'a.key'") && Contains("twice"));
    for (const std::uint32_t alignment : {0u, 3u, 48u, 0x80000000u})
        CHECK_THAT(refusal(folder, GgufBuilder().u32("general.alignment", alignment).build()),
                   Contains("power of two"));
    CHECK_THAT(refusal(folder, GgufBuilder().raw("split.count", 2, bytesOf(std::uint16_t{3})).build()),
               Contains("split model"));

    using Shape = std::vector<std::uint64_t>;
    const auto tensor = [&](const Shape& shape, std::uint32_t type, std::uint64_t offset) {
        return refusal(folder, GgufBuilder().tensor("the.weight", shape, type, std::string(64, '\0'))
                                   .atOffset(offset).build());
    };
    constexpr std::uint64_t kBig = std::uint64_t{1} << 62;
    CHECK_THAT(tensor({}, 0, 0), Contains("0 dimensions"));
    CHECK_THAT(tensor({1, 1, 1, 1, 1}, 0, 0), Contains("5 dimensions"));
    CHECK_THAT(tensor({4, 0}, 0, 0), Contains("cannot be"));
    CHECK_THAT(tensor({kBig, 4}, 0, 0), Contains("cannot be"));
    CHECK_THAT(tensor({kBig * 2}, 0, 0), Contains("cannot be"));
    CHECK_THAT(tensor({kBig}, 0, 0), Contains("overflows"));
    CHECK_THAT(tensor({4}, 10, 0), Contains("'the.weight'") && Contains("type 10") && Contains("Q4_K"));
    CHECK_THAT(tensor({2, 33}, 2, 0), Contains("blocks of 32"));
    CHECK_THAT(tensor({8}, 0, 16), Contains("alignment 32"));
    CHECK_THAT(tensor({8}, 0, 64), Contains("'the.weight'") && Contains("beyond the file"));
    CHECK_THAT(tensor({17}, 0, 0), Contains("beyond the file"));
    CHECK_THAT(tensor({8}, 0, std::numeric_limits<std::uint64_t>::max() - 31), Contains("beyond the file"));
    CHECK_THAT(refusal(folder, GgufBuilder().tensor("t", {1}, {1}).tensor("t", {1}, {1}).build()),
               Contains("'t'") && Contains("twice"));
}

TEST_CASE("names with control characters are shown harmlessly", "[capture][unit]")
{
    const ScratchFolder folder;
    const std::string message = refusal(folder, GgufBuilder().tensor("a\x1b[31m\xff", {4}, 99, "").build());
    CHECK_THAT(message, Contains("a<1B>[31m<FF>"));
}

TEST_CASE("a model cut at any length is refused, or loads because only padding was cut", "[capture][unit]")
{
    const ScratchFolder folder;
    const auto path = folder / "m.gguf";
    TinyLlama tiny;
    tiny.layers = 1;
    tiny.hidden = tiny.ffn = 4;
    tiny.heads = tiny.kvHeads = 1;
    tiny.headDim = 4;
    writeTinyLlama(path, tiny);
    REQUIRE(loadsOrRefuses(path));
    const auto full = std::filesystem::file_size(path);
    std::uint64_t accepted = 0;
    for (auto length = full; length-- > 0;) {
        std::filesystem::resize_file(path, length);
        accepted += loadsOrRefuses(path) ? 1 : 0;
    }
    CHECK(accepted == 0); // the last tensor ends with the file
}

TEST_CASE("a model with flipped bits loads or is refused", "[capture][unit]")
{
    const ScratchFolder folder;
    TinyLlama tiny;
    tiny.layers = 1;
    tiny.hidden = tiny.ffn = 4;
    tiny.heads = tiny.kvHeads = 1;
    tiny.headDim = 4;
    writeTinyLlama(folder / "m.gguf", tiny);
    std::ifstream in(folder / "m.gguf", std::ios::binary);
    const std::string good{std::istreambuf_iterator<char>(in), {}};
    std::mt19937 draw(11);
    int refused = 0;
    constexpr int kRounds = 1500;
    for (int round = 0; round < kRounds; ++round) {
        std::string bytes = good;
        // The head holds the structure, so half of the rounds aim at its first kilobyte.
        const std::size_t reach = round % 2 == 0 ? 1024 : bytes.size();
        for (unsigned flip = 0; flip <= draw() % 4; ++flip)
            bytes[draw() % reach] ^= static_cast<char>(1u << draw() % 8);
        refused += loadsOrRefuses(folder.write("flipped.gguf", bytes)) ? 0 : 1;
    }
    CHECK(refused > kRounds / 10);
    CHECK(refused < kRounds);
}
