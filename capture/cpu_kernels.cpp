// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Plain loops that the compiler vectorises; KVVIZ_MULTIARCH makes one clone per instruction set.
#include "capture/cpu_kernels.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define KVVIZ_MULTIARCH __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KVVIZ_MULTIARCH
#endif

namespace kvviz::capture {
namespace {

/// exp(x) for x <= 0 or moderate x, relative error below 2e-7; 0 below -87. A degree-6 Taylor polynomial on
/// |f| <= ln(2)/2 after x = k ln2 + f; branch-free, so loops over it vectorise.
inline __attribute__((always_inline)) float fastExp(float x)
{
    constexpr float kLog2e = 1.44269504088896341f;
    constexpr float kLn2High = 0.693359375f;
    constexpr float kLn2Low = -2.12194440e-4f;
    constexpr float kRound = 12582912.0f; // 1.5 * 2^23: adding it rounds to an integer
    const float clamped = std::min(std::max(x, -87.0f), 88.0f);
    const float shifted = clamped * kLog2e + kRound;
    const float k = shifted - kRound;
    const float f = (clamped - k * kLn2High) - k * kLn2Low;
    float p = 1.0f / 720.0f;
    p = p * f + 1.0f / 120.0f;
    p = p * f + 1.0f / 24.0f;
    p = p * f + 1.0f / 6.0f;
    p = p * f + 0.5f;
    p = p * f + 1.0f;
    p = p * f + 1.0f;
    const std::int32_t exponent = (std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(kRound)) << 23;
    const float result = std::bit_cast<float>(std::bit_cast<std::int32_t>(p) + exponent);
    return x < -87.0f ? 0.0f : result;
}

/// exp(x) in double to about 1e-15; 0 below -708. Like fastExp, with a Taylor polynomial of degree 13.
inline __attribute__((always_inline)) double preciseExp(double x)
{
    constexpr double kLog2e = 1.4426950408889634;
    constexpr double kLn2High = 0.693147180369123816490;
    constexpr double kLn2Low = 1.90821492927058770002e-10;
    constexpr double kRound = 6755399441055744.0; // 1.5 * 2^52
    const double clamped = std::min(std::max(x, -708.0), 709.0);
    const double shifted = clamped * kLog2e + kRound;
    const double k = shifted - kRound;
    const double f = (clamped - k * kLn2High) - k * kLn2Low;
    double p = 1.0 / 6227020800.0;
    p = p * f + 1.0 / 479001600.0;
    p = p * f + 1.0 / 39916800.0;
    p = p * f + 1.0 / 3628800.0;
    p = p * f + 1.0 / 362880.0;
    p = p * f + 1.0 / 40320.0;
    p = p * f + 1.0 / 5040.0;
    p = p * f + 1.0 / 720.0;
    p = p * f + 1.0 / 120.0;
    p = p * f + 1.0 / 24.0;
    p = p * f + 1.0 / 6.0;
    p = p * f + 0.5;
    p = p * f + 1.0;
    p = p * f + 1.0;
    const std::int64_t exponent = (std::bit_cast<std::int64_t>(shifted) - std::bit_cast<std::int64_t>(kRound)) << 52;
    const double result = std::bit_cast<double>(std::bit_cast<std::int64_t>(p) + exponent);
    return x < -708.0 ? 0.0 : result;
}

} // namespace

KVVIZ_MULTIARCH void rmsNorm(const float* x, const float* weight, float* out, std::int64_t size, float eps)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < size; ++i)
        sum += x[i] * x[i];
    const float factor = 1.0f / std::sqrt(sum / static_cast<float>(size) + eps);
#pragma omp simd
    for (std::int64_t i = 0; i < size; ++i)
        out[i] = x[i] * factor * weight[i];
}

KVVIZ_MULTIARCH void rotate(float* vector, const float* cosine, const float* sine, std::int64_t rotated)
{
    const std::int64_t half = rotated / 2;
    float* const second = vector + half;
#pragma omp simd
    for (std::int64_t i = 0; i < half; ++i) {
        const float a = vector[i];
        const float b = second[i];
        vector[i] = a * cosine[i] - b * sine[i];
        second[i] = b * cosine[i] + a * sine[i];
    }
}

KVVIZ_MULTIARCH void siluMultiply(float* gate, const float* up, std::int64_t size)
{
#pragma omp simd
    for (std::int64_t i = 0; i < size; ++i)
        gate[i] = gate[i] / (1.0f + fastExp(-gate[i])) * up[i];
}

KVVIZ_MULTIARCH RowSummary softmaxRow(float* row, std::int64_t valid, std::int64_t padded, float scale,
                                      std::int64_t sinks)
{
    float top = row[0];
#pragma omp simd reduction(max : top)
    for (std::int64_t j = 0; j < valid; ++j)
        top = row[j] > top ? row[j] : top;
    // With z = scale (s - max), Z = sum e^z: entropy = ln Z - (1/Z) sum e^z z, so no logarithm per element.
    float total = 0;
    float weighted = 0;
#pragma omp simd reduction(+ : total, weighted)
    for (std::int64_t j = 0; j < valid; ++j) {
        const float z = scale * (row[j] - top);
        const float e = fastExp(z);
        row[j] = e;
        total += e;
        weighted += e * z;
    }
    const float inverse = 1.0f / total;
#pragma omp simd
    for (std::int64_t j = 0; j < valid; ++j)
        row[j] *= inverse;
    std::fill(row + valid, row + padded, 0.0f);
    RowSummary summary;
    summary.entropy = std::max(0.0f, std::log(total) - weighted * inverse);
    for (std::int64_t j = 0; j < std::min(sinks, valid); ++j)
        summary.sinkMass += row[j];
    return summary;
}

KVVIZ_MULTIARCH void accumulateRow(const float* row, std::int64_t count, float* sum, float* squares)
{
    if (squares == nullptr) {
#pragma omp simd
        for (std::int64_t j = 0; j < count; ++j)
            sum[j] += row[j];
        return;
    }
#pragma omp simd
    for (std::int64_t j = 0; j < count; ++j) {
        sum[j] += row[j];
        squares[j] += row[j] * row[j];
    }
}

KVVIZ_MULTIARCH void addOuterProducts(const float* rows, std::int64_t d, float* gram)
{
    const float* const a = rows;
    const float* const b = rows + d;
    const float* const c = rows + 2 * d;
    const float* const e = rows + 3 * d;
    for (std::int64_t i = 0; i < d; ++i) {
        float* const out = gram + i * d;
        const float ai = a[i], bi = b[i], ci = c[i], ei = e[i];
#pragma omp simd
        for (std::int64_t j = i / 16 * 16; j < d; ++j) // whole vectors; what is below the diagonal is not read
            out[j] += ai * a[j] + bi * b[j] + ci * c[j] + ei * e[j];
    }
}

KVVIZ_MULTIARCH void matrixVector(const float* weight, const float* x, float* y, std::int64_t begin, std::int64_t end,
                                  std::int64_t columns, bool accumulate)
{
    for (std::int64_t r = begin; r < end; ++r) {
        const float* const w = weight + r * columns;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (std::int64_t c = 0; c < columns; ++c)
            sum += w[c] * x[c];
        y[r] = accumulate ? y[r] + sum : sum;
    }
}

KVVIZ_MULTIARCH void matrixVector(const core::BFloat16* weight, const float* x, float* y, std::int64_t begin,
                                  std::int64_t end, std::int64_t columns, bool accumulate)
{
    for (std::int64_t r = begin; r < end; ++r) {
        const core::BFloat16* const w = weight + r * columns;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (std::int64_t c = 0; c < columns; ++c)
            sum += std::bit_cast<float>(static_cast<std::uint32_t>(w[c]) << 16) * x[c];
        y[r] = accumulate ? y[r] + sum : sum;
    }
}

KVVIZ_MULTIARCH void weightedSum(const float* p, const float* rows, float* out, std::int64_t count, std::int64_t d)
{
    std::fill(out, out + d, 0.0f);
    for (std::int64_t j = 0; j < count; ++j) {
        const float factor = p[j];
        const float* const row = rows + j * d;
#pragma omp simd
        for (std::int64_t c = 0; c < d; ++c)
            out[c] += factor * row[c];
    }
}

KVVIZ_MULTIARCH double logSumExp(const float* x, std::int64_t size)
{
    float top = x[0];
#pragma omp simd reduction(max : top)
    for (std::int64_t i = 0; i < size; ++i)
        top = x[i] > top ? x[i] : top;
    // Blocks of 1024 in float, joined in double: a vocabulary has 50 to 150 thousand terms.
    double total = 0;
    for (std::int64_t begin = 0; begin < size; begin += 1024) {
        const std::int64_t end = std::min(size, begin + 1024);
        float part = 0;
#pragma omp simd reduction(+ : part)
        for (std::int64_t i = begin; i < end; ++i)
            part += fastExp(x[i] - top);
        total += part;
    }
    return static_cast<double>(top) + std::log(total);
}

KVVIZ_MULTIARCH double preciseLogSumExp(const float* x, std::int64_t size)
{
    float top = x[0];
#pragma omp simd reduction(max : top)
    for (std::int64_t i = 0; i < size; ++i)
        top = x[i] > top ? x[i] : top;
    double total = 0;
#pragma omp simd reduction(+ : total)
    for (std::int64_t i = 0; i < size; ++i)
        total += preciseExp(static_cast<double>(x[i]) - top);
    return static_cast<double>(top) + std::log(total);
}

KVVIZ_MULTIARCH Divergence divergeFrom(const float* full, double logSum, const float* other, std::int64_t size)
{
    double mass = 0; // 1 but for rounding, and divided out
    double change = 0;
#pragma omp simd reduction(+ : mass, change)
    for (std::int64_t k = 0; k < size; ++k) {
        const double p = preciseExp(full[k] - logSum);
        mass += p;
        change += p * (static_cast<double>(other[k]) - full[k]);
    }
    const double mean = change / mass;
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t k = 0; k < size; ++k) {
        const double logP = full[k] - logSum;
        const double p = preciseExp(logP);
        const double x = static_cast<double>(other[k]) - full[k] - mean;
        // e^x - 1 - x: by its series where the difference would cancel; elsewhere p e^x as one exponential, which
        // cannot overflow before the divergence does.
        double series = 1.0 / 3628800.0;
        series = series * x + 1.0 / 362880.0;
        series = series * x + 1.0 / 40320.0;
        series = series * x + 1.0 / 5040.0;
        series = series * x + 1.0 / 720.0;
        series = series * x + 1.0 / 120.0;
        series = series * x + 1.0 / 24.0;
        series = series * x + 1.0 / 6.0;
        series = series * x + 0.5;
        const double small = p * x * x * series;
        const double large = preciseExp(logP + x) - p * (1.0 + x);
        sum += std::abs(x) < 0.25 ? small : large;
    }
    return {mean, std::log1p(sum / mass)};
}

KVVIZ_MULTIARCH void toBFloat16(const float* from, core::BFloat16* to, std::int64_t count)
{
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i)
        to[i] = core::floatToBFloat16(from[i]);
}

KVVIZ_MULTIARCH void toFloat(const core::BFloat16* from, float* to, std::int64_t count)
{
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i)
        to[i] = std::bit_cast<float>(static_cast<std::uint32_t>(from[i]) << 16);
}

} // namespace kvviz::capture
