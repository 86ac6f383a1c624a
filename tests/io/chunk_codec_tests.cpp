// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Ready-made chunks of every texture are read back by HDF5's own filters (zlib and unshuffle), bit by bit.
#include "core/half.hpp"
#include "core/io/chunk_codec.hpp"
#include "core/io/h5_handle.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"

#include <cmath>
#include <cstring>
#include <random>

using namespace kvviz;
using io::Handle;

namespace {

/// Textures that steer the coder into each of its ways, and its codes to their limits.
enum class Texture { zeros, constant, two, noise, softmax, causal, steep, bytes, runs, rareEnd, count };

float texel(Texture texture, std::int64_t row, std::int64_t column, std::mt19937& random)
{
    std::normal_distribution<float> normal;
    const auto bits = static_cast<std::uint32_t>(random());
    switch (texture) {
    case Texture::zeros: return 0.0f;
    case Texture::constant: return 0.3f;
    case Texture::two: return bits % 2 == 0 ? 1.0f : -2.0f;
    case Texture::noise: return std::bit_cast<float>(bits & 0xbfffffffu);
    case Texture::softmax: return std::exp(3 * normal(random)) * 1e-3f;
    case Texture::causal: return column > row ? 0.0f : std::exp(2 * normal(random)) * 1e-3f;
    case Texture::steep: return std::ldexp(1.0f, -__builtin_ctz(bits | 1u << 23)); // each value half as common
    case Texture::bytes:
        return core::halfToFloat(static_cast<core::Half>((row * 7 + column) % 256 << 8 | column % 256));
    case Texture::runs: return column / 50 % 2 == 0 ? 0.0f : 0.125f;
    case Texture::rareEnd: return bits % 4096 == 0 ? 1.0f : 0.0f;
    case Texture::count: break;
    }
    return 0.0f;
}

/// Writes one ready-made chunk and reads it with the filters; the bytes of the chunk's elements.
std::vector<std::uint8_t> throughHdf5(const std::filesystem::path& path, const io::ChunkPiece& piece,
                                      core::StorageType type)
{
    const io::H5Lock lock;
    const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
    const hsize_t dims[2] = {static_cast<hsize_t>(piece.chunkRows), static_cast<hsize_t>(piece.chunkColumns)};
    const Handle space(H5Screate_simple(2, dims, nullptr));
    const Handle creation(H5Pcreate(H5P_DATASET_CREATE));
    H5Pset_chunk(creation.get(), 2, dims);
    H5Pset_shuffle(creation.get());
    H5Pset_deflate(creation.get(), 1);
    const Handle element = type == core::StorageType::float16 ? io::halfType() : Handle(H5Tcopy(H5T_IEEE_F32LE));
    const Handle dataset(
        H5Dcreate2(file.get(), "d", element.get(), space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT));
    const int planes = io::bytesOf(type);
    const std::vector<std::uint8_t> stream = io::zlibStream(io::shuffledChunk(piece, type), planes);
    const hsize_t offset[2] = {0, 0};
    REQUIRE(H5Dwrite_chunk(dataset.get(), H5P_DEFAULT, 0, offset, stream.size(), stream.data()) >= 0);
    std::vector<std::uint8_t> bytes(dims[0] * dims[1] * static_cast<std::size_t>(planes));
    REQUIRE(H5Dread(dataset.get(), element.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) >= 0);
    return bytes;
}

std::vector<std::uint8_t> expectedBytes(const io::ChunkPiece& piece, core::StorageType type)
{
    std::vector<std::uint8_t> bytes;
    for (std::int64_t row = 0; row < piece.chunkRows; ++row)
        for (std::int64_t column = 0; column < piece.chunkColumns; ++column) {
            const bool inside = row < piece.rows && column < piece.columns;
            const float value = inside ? piece.data[row * piece.rowStride + column] : piece.padding;
            const std::uint32_t bits = type == core::StorageType::float16 ? core::floatToHalf(value)
                                                                          : std::bit_cast<std::uint32_t>(value);
            for (int byte = 0; byte < io::bytesOf(type); ++byte)
                bytes.push_back(static_cast<std::uint8_t>(bits >> (8 * byte)));
        }
    return bytes;
}

} // namespace

TEST_CASE("chunks of every texture, size and type are read back bit by bit", "[io]")
{
    const test::ScratchFolder folder;
    std::mt19937 random(11);
    for (int texture = 0; texture < static_cast<int>(Texture::count); ++texture) {
        std::vector<float> data(300 * 300);
        for (std::int64_t i = 0; i < std::ssize(data); ++i)
            data[static_cast<std::size_t>(i)] = texel(static_cast<Texture>(texture), i / 300, i % 300, random);
        const std::vector<std::pair<std::int64_t, std::int64_t>> sizes{{256, 256}, {1, 1},    {1, 2},
                                                                       {3, 5},     {32, 300}, {255, 257}};
        for (const auto& [rows, columns] : sizes) {
            for (const auto type : {core::StorageType::float16, core::StorageType::float32}) {
                io::ChunkPiece piece{data.data(), 300, rows, columns, rows, columns, 0.0f};
                CAPTURE(texture, rows, columns, storageTypeName(type));
                CHECK(throughHdf5(folder / "a.h5", piece, type) == expectedBytes(piece, type));
                piece.rows = (rows + 1) / 2;
                piece.columns = (columns + 1) / 2;
                piece.padding = std::nanf("");
                CHECK(throughHdf5(folder / "a.h5", piece, type) == expectedBytes(piece, type));
            }
        }
    }
}

TEST_CASE("a chunk never grows by more than its headers", "[io]")
{
    std::mt19937 random(12);
    std::vector<float> noise(65536);
    for (float& value : noise)
        value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    for (const auto type : {core::StorageType::float16, core::StorageType::float32}) {
        const io::ChunkPiece piece{noise.data(), 256, 256, 256, 256, 256, 0.0f};
        const std::vector<std::uint8_t> shuffled = io::shuffledChunk(piece, type);
        CHECK(io::zlibStream(shuffled, io::bytesOf(type)).size() < shuffled.size() * 101 / 100);
    }
}
