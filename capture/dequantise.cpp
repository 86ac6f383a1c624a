// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// ggml's block formats, and 8-bit floats, to float32. Each format is one inlined function of a block; the loop around it is compiled twice
// on x86-64 (baseline and AVX2, chosen at run time) and shared out over threads. The products are rounded where ggml
// rounds them, so results are equal bit for bit; do not enable contraction to fused multiply-add for this file.
#include "capture/dequantise.hpp"

#include "core/error.hpp"
#include "core/half.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

namespace kvviz::capture {
namespace {

using Byte = std::uint8_t;
using Block = void (*)(const Byte*, float*);
using Blocks = void (*)(const Byte*, std::int64_t, float*);

#define KVVIZ_INLINE [[gnu::always_inline]] inline

KVVIZ_INLINE float half(const Byte* from)
{
    core::Half bits;
    std::memcpy(&bits, from, sizeof bits);
    return core::halfToFloat(bits);
}

KVVIZ_INLINE void blockF32(const Byte* from, float* to) { std::memcpy(to, from, sizeof(float)); }

KVVIZ_INLINE void blockBf16(const Byte* from, float* to)
{
    core::BFloat16 bits;
    std::memcpy(&bits, from, sizeof bits);
    *to = core::bfloat16ToFloat(bits);
}

/// Sign, 4 bits of exponent (bias 7), 3 of mantissa; no infinities, 0x7f and 0xff are no numbers (arXiv 2209.05433).
KVVIZ_INLINE void blockF8E4M3(const Byte* from, float* to)
{
    const int bits = *from, exponent = bits >> 3 & 15, mantissa = bits & 7;
    float value = exponent == 0 ? static_cast<float>(mantissa) * 0x1p-9f
                                : std::bit_cast<float>(static_cast<std::uint32_t>((exponent + 120) << 23 | mantissa << 20));
    if ((bits & 127) == 127)
        value = std::numeric_limits<float>::quiet_NaN();
    *to = (bits & 128) != 0 ? -value : value;
}

/// d, 16 bytes of two 4-bit values: the low halves are values 0-15, the high ones 16-31.
KVVIZ_INLINE void blockQ40(const Byte* from, float* to)
{
    const float d = half(from);
    const Byte* q = from + 2;
    for (int i = 0; i < 16; ++i) {
        to[i] = static_cast<float>((q[i] & 15) - 8) * d;
        to[i + 16] = static_cast<float>((q[i] >> 4) - 8) * d;
    }
}

/// d, m, 16 bytes of two 4-bit values.
KVVIZ_INLINE void blockQ41(const Byte* from, float* to)
{
    const float d = half(from);
    const float m = half(from + 2);
    const Byte* q = from + 4;
    for (int i = 0; i < 16; ++i) {
        to[i] = static_cast<float>(q[i] & 15) * d + m;
        to[i + 16] = static_cast<float>(q[i] >> 4) * d + m;
    }
}

/// 32 five-bit values: bit 4 of value i is bit i of the word `high`, the rest lies as in Q4_0.
KVVIZ_INLINE void fiveBits(const Byte* highBytes, const Byte* low, int* q)
{
    std::uint32_t high;
    std::memcpy(&high, highBytes, sizeof high);
    for (int i = 0; i < 16; ++i) {
        q[i] = (low[i] & 15) | static_cast<int>((high >> i & 1u) << 4);
        q[i + 16] = (low[i] >> 4) | static_cast<int>((high >> (i + 16) & 1u) << 4);
    }
}

KVVIZ_INLINE void blockQ50(const Byte* from, float* to)
{
    const float d = half(from);
    int q[32];
    fiveBits(from + 2, from + 6, q);
    for (int i = 0; i < 32; ++i)
        to[i] = static_cast<float>(q[i] - 16) * d;
}

KVVIZ_INLINE void blockQ51(const Byte* from, float* to)
{
    const float d = half(from);
    const float m = half(from + 2);
    int q[32];
    fiveBits(from + 4, from + 8, q);
    for (int i = 0; i < 32; ++i)
        to[i] = static_cast<float>(q[i]) * d + m;
}

KVVIZ_INLINE void blockQ80(const Byte* from, float* to)
{
    const float d = half(from);
    const Byte* q = from + 2;
    for (int i = 0; i < 32; ++i)
        to[i] = static_cast<float>(static_cast<std::int8_t>(q[i])) * d;
}

/// Scale and minimum of the 32-value group g (0-7) of Q4_K and Q5_K: twelve bytes hold eight pairs of 6 bits.
KVVIZ_INLINE void groupScale(const Byte* s, int g, int& scale, int& minimum)
{
    if (g < 4) {
        scale = s[g] & 63;
        minimum = s[g + 4] & 63;
    } else {
        scale = (s[g + 4] & 15) | ((s[g - 4] >> 6) << 4);
        minimum = (s[g + 4] >> 4) | ((s[g] >> 6) << 4);
    }
}

/// d, dmin, 12 bytes of scales, 128 bytes: each run of 32 holds one group in its low halves and the next in its high.
KVVIZ_INLINE void blockQ4K(const Byte* from, float* to)
{
    const float d = half(from);
    const float dmin = half(from + 2);
    for (int g = 0; g < 8; ++g) {
        int scale, minimum;
        groupScale(from + 4, g, scale, minimum);
        const float gain = d * static_cast<float>(scale);
        const float shift = dmin * static_cast<float>(minimum);
        const Byte* q = from + 16 + 32 * (g / 2);
        const int right = 4 * (g % 2);
        for (int i = 0; i < 32; ++i)
            to[32 * g + i] = gain * static_cast<float>((q[i] >> right) & 15) - shift;
    }
}

/// As Q4_K with 32 bytes between scales and values: bit g of byte i is bit 4 of value i of group g.
KVVIZ_INLINE void blockQ5K(const Byte* from, float* to)
{
    const float d = half(from);
    const float dmin = half(from + 2);
    const Byte* high = from + 16;
    for (int g = 0; g < 8; ++g) {
        int scale, minimum;
        groupScale(from + 4, g, scale, minimum);
        const float gain = d * static_cast<float>(scale);
        const float shift = dmin * static_cast<float>(minimum);
        const Byte* q = from + 48 + 32 * (g / 2);
        const int right = 4 * (g % 2);
        for (int i = 0; i < 32; ++i) {
            const int value = ((q[i] >> right) & 15) | (((high[i] >> g) & 1) << 4);
            to[32 * g + i] = gain * static_cast<float>(value) - shift;
        }
    }
}

/// 128 bytes of low 4 bits, 64 bytes of high 2 bits, 16 signed scales (one for 16 values), d. Two halves of 128 values.
KVVIZ_INLINE void blockQ6K(const Byte* from, float* to)
{
    const float d = half(from + 208);
    for (int g = 0; g < 8; ++g) { // groups of 32 values; four of them share 64 low and 32 high bytes
        const int part = g / 4, inPart = g % 4;
        const Byte* low = from + 64 * part + 32 * (inPart % 2);
        const Byte* high = from + 128 + 32 * part;
        const Byte* scales = from + 192 + 8 * part + 2 * inPart;
        const int lowShift = 4 * (inPart / 2), highShift = 2 * inPart;
        for (int side = 0; side < 2; ++side) {
            const float gain = d * static_cast<float>(static_cast<std::int8_t>(scales[side]));
            for (int i = 16 * side; i < 16 * side + 16; ++i) {
                const int value = ((low[i] >> lowShift) & 15) | (((high[i] >> highShift) & 3) << 4);
                to[32 * g + i] = gain * static_cast<float>(value - 32);
            }
        }
    }
}

template <Block block, int bytes, int elements> void plainLoop(const Byte* from, std::int64_t blocks, float* to)
{
    for (std::int64_t i = 0; i < blocks; ++i)
        block(from + i * bytes, to + i * elements);
}

#if defined(__x86_64__)
template <Block block, int bytes, int elements>
[[gnu::target("avx2")]] void avx2Loop(const Byte* from, std::int64_t blocks, float* to)
{
    for (std::int64_t i = 0; i < blocks; ++i)
        block(from + i * bytes, to + i * elements);
}
#endif

template <Block block, int bytes, int elements> Blocks chooseLoop()
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return avx2Loop<block, bytes, elements>;
#endif
    return plainLoop<block, bytes, elements>;
}

void copyF32(const Byte* from, std::int64_t count, float* to)
{
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
}

/// The mapped bytes need not be aligned for uint16_t (a hostile alignment), so they pass through a small buffer.
void convertF16(const Byte* from, std::int64_t count, float* to)
{
    std::array<core::Half, 1024> bits;
    for (std::int64_t i = 0; i < count; i += std::ssize(bits)) {
        const auto piece = static_cast<std::size_t>(std::min<std::int64_t>(std::ssize(bits), count - i));
        std::memcpy(bits.data(), from + 2 * i, 2 * piece);
        core::halfToFloat(bits.data(), to + i, piece);
    }
}

Blocks loopOf(TensorType type)
{
    switch (type) {
    case TensorType::f32: return copyF32;
    case TensorType::f16: return convertF16;
    case TensorType::bf16: return chooseLoop<blockBf16, 2, 1>();
    case TensorType::q4_0: return chooseLoop<blockQ40, 18, 32>();
    case TensorType::q4_1: return chooseLoop<blockQ41, 20, 32>();
    case TensorType::q5_0: return chooseLoop<blockQ50, 22, 32>();
    case TensorType::q5_1: return chooseLoop<blockQ51, 24, 32>();
    case TensorType::q8_0: return chooseLoop<blockQ80, 34, 32>();
    case TensorType::q4_k: return chooseLoop<blockQ4K, 144, 256>();
    case TensorType::q5_k: return chooseLoop<blockQ5K, 176, 256>();
    case TensorType::q6_k: return chooseLoop<blockQ6K, 210, 256>();
    case TensorType::f8_e4m3: return chooseLoop<blockF8E4M3, 1, 1>();
    }
    throw core::Error(core::ErrorCode::failure, "a tensor type without a conversion");
}

constexpr std::array<TensorTypeLayout, 12> kLayouts{{
    {TensorType::f32, "F32", 1, 4}, {TensorType::f16, "F16", 1, 2}, {TensorType::bf16, "BF16", 1, 2},
    {TensorType::q4_0, "Q4_0", 32, 18}, {TensorType::q4_1, "Q4_1", 32, 20}, {TensorType::q5_0, "Q5_0", 32, 22},
    {TensorType::q5_1, "Q5_1", 32, 24}, {TensorType::q8_0, "Q8_0", 32, 34}, {TensorType::q4_k, "Q4_K", 256, 144},
    {TensorType::q5_k, "Q5_K", 256, 176}, {TensorType::q6_k, "Q6_K", 256, 210},
    {TensorType::f8_e4m3, "F8_E4M3", 1, 1},
}};

void convert(const TensorInfo& tensor, std::int64_t firstBlock, std::int64_t blocks, std::span<float> out)
{
    const TensorTypeLayout& layout = *tensorTypeLayout(static_cast<std::uint32_t>(tensor.type));
    if (static_cast<std::int64_t>(out.size()) != blocks * layout.blockElements)
        throw core::Error(core::ErrorCode::failure,
                          fmt::format("tensor '{}': room for {} values given, {} needed", tensor.name, out.size(),
                                      blocks * layout.blockElements));
    const Blocks loop = loopOf(tensor.type);
    const auto* from = reinterpret_cast<const Byte*>(tensor.data.data()) + firstBlock * layout.blockBytes;
    const std::int64_t share = 65536 / layout.blockElements; // 256 kB of output a piece: stays in the L2 cache
    const std::int64_t pieces = (blocks + share - 1) / share;
#pragma omp parallel for schedule(dynamic, 4) if (pieces > 1)
    for (std::int64_t piece = 0; piece < pieces; ++piece) {
        const std::int64_t begin = piece * share;
        loop(from + begin * layout.blockBytes, std::min(share, blocks - begin),
             out.data() + begin * layout.blockElements);
    }
}

} // namespace

const TensorTypeLayout* tensorTypeLayout(std::uint32_t number)
{
    const auto* found = std::find_if(kLayouts.begin(), kLayouts.end(), [number](const TensorTypeLayout& layout) {
        return static_cast<std::uint32_t>(layout.type) == number;
    });
    return found == kLayouts.end() ? nullptr : found;
}

std::string supportedTensorTypes()
{
    std::string names;
    for (const TensorTypeLayout& layout : kLayouts)
        if (static_cast<std::uint32_t>(layout.type) < kFirstOwnType)
            names += fmt::format("{}{}", names.empty() ? "" : ", ", layout.name);
    return names;
}

void dequantise(const TensorInfo& tensor, std::span<float> out)
{
    const TensorTypeLayout& layout = *tensorTypeLayout(static_cast<std::uint32_t>(tensor.type));
    convert(tensor, 0, tensor.elements() / layout.blockElements, out);
}

void dequantiseRows(const TensorInfo& tensor, std::int64_t rowBegin, std::int64_t rows, std::span<float> out)
{
    const TensorTypeLayout& layout = *tensorTypeLayout(static_cast<std::uint32_t>(tensor.type));
    const std::int64_t columns = tensor.shape.back();
    const std::int64_t allRows = tensor.elements() / columns;
    if (rowBegin < 0 || rows < 0 || rows > allRows - rowBegin)
        throw core::Error(core::ErrorCode::failure, fmt::format("tensor '{}': rows {} to {} of {} asked for",
                                                                tensor.name, rowBegin, rowBegin + rows, allRows));
    const std::int64_t blocksInRow = columns / layout.blockElements;
    convert(tensor, rowBegin * blocksInRow, rows * blocksInRow, out);
}

} // namespace kvviz::capture
