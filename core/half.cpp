// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Half precision: a portable scalar route and an F16C route chosen at run time.
#include "core/half.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace kvviz::core {

Half floatToHalf(float value) noexcept
{
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = (bits >> 16) & 0x8000u;
    const std::uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude >= 0x7f800000u) // infinity or NaN (keep it quiet and non-zero)
        return static_cast<Half>(sign | 0x7c00u
                                 | (magnitude > 0x7f800000u ? 0x200u | ((magnitude >> 13) & 0x3ffu) : 0u));
    if (magnitude >= 0x477ff000u) // rounds to 65536 or above
        return static_cast<Half>(sign | 0x7c00u);
    if (magnitude < 0x38800000u) { // subnormal half: adding 0.5 lets the FPU do the rounding
        const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
        return static_cast<Half>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
    }
    const std::uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
    return static_cast<Half>(sign | ((rounded - 0x38000000u) >> 13));
}

float halfToFloat(Half bits) noexcept
{
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
    const std::uint32_t exponent = (bits >> 10) & 0x1fu;
    const std::uint32_t mantissa = bits & 0x3ffu;
    if (exponent == 0x1fu)
        return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
    if (exponent == 0) {
        const float subnormal = static_cast<float>(mantissa) * 0x1p-24f;
        return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(subnormal));
    }
    return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (mantissa << 13));
}

namespace {

void toHalfScalar(const float* from, Half* to, std::size_t count) noexcept
{
    for (std::size_t i = 0; i < count; ++i)
        to[i] = floatToHalf(from[i]);
}

void toFloatScalar(const Half* from, float* to, std::size_t count) noexcept
{
    for (std::size_t i = 0; i < count; ++i)
        to[i] = halfToFloat(from[i]);
}

#if defined(__x86_64__)
__attribute__((target("avx,f16c"))) void toHalfF16c(const float* from, Half* to, std::size_t count) noexcept
{
    std::size_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    toHalfScalar(from + i, to + i, count - i);
}

__attribute__((target("avx,f16c"))) void toFloatF16c(const Half* from, float* to, std::size_t count) noexcept
{
    std::size_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i))));
    toFloatScalar(from + i, to + i, count - i);
}

const bool kHasF16c = __builtin_cpu_supports("f16c") && __builtin_cpu_supports("avx");
#endif

} // namespace

void floatToHalf(const float* from, Half* to, std::size_t count) noexcept
{
#if defined(__x86_64__)
    if (kHasF16c)
        return toHalfF16c(from, to, count);
#endif
    toHalfScalar(from, to, count);
}

void halfToFloat(const Half* from, float* to, std::size_t count) noexcept
{
#if defined(__x86_64__)
    if (kHasF16c)
        return toFloatF16c(from, to, count);
#endif
    toFloatScalar(from, to, count);
}

} // namespace kvviz::core
