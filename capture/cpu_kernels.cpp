// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Plain loops that the compiler vectorises; KVVIZ_MULTIARCH makes one clone per instruction set.
#include "capture/cpu_kernels.hpp"

#include "core/fast_exp.hpp"
#include "core/kernels.hpp"
#include "core/multiarch.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace kvviz::capture {
namespace {

using core::fastExp;

constexpr double kGeluInner = 0.044715;
const double kGeluOuter = std::sqrt(2 / std::acos(-1.0));

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

namespace {

KVVIZ_MULTIARCH void siluMultiply(float* gate, const float* up, std::int64_t size)
{
#pragma omp simd
    for (std::int64_t i = 0; i < size; ++i)
        gate[i] = gate[i] / (1.0f + fastExp(-gate[i])) * up[i];
}

KVVIZ_MULTIARCH void geluTanhMultiply(float* gate, const float* up, std::int64_t size)
{
    const auto outer = static_cast<float>(kGeluOuter), inner = static_cast<float>(kGeluInner);
#pragma omp simd
    for (std::int64_t i = 0; i < size; ++i) {
        const float x = gate[i];
        gate[i] = 0.5f * x * (1.0f + core::fastTanh(outer * (x + inner * x * x * x))) * up[i];
    }
}

} // namespace

void gateMultiply(Activation activation, float* gate, const float* up, std::int64_t size)
{
    switch (activation) {
    case Activation::silu: return siluMultiply(gate, up, size);
    case Activation::geluTanh: return geluTanhMultiply(gate, up, size);
    case Activation::gelu:
        for (std::int64_t i = 0; i < size; ++i)
            gate[i] = static_cast<float>(activate(activation, gate[i])) * up[i];
    }
}

double activate(Activation activation, double x)
{
    switch (activation) {
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::gelu: return 0.5 * x * std::erfc(-x * std::sqrt(0.5));
    case Activation::geluTanh: break;
    }
    return 0.5 * x * (1 + std::tanh(kGeluOuter * (x + kGeluInner * x * x * x)));
}

double activationSlope(Activation activation, double x)
{
    if (activation == Activation::silu) {
        const double s = 1 / (1 + std::exp(-x));
        return s * (1 + x * (1 - s));
    }
    if (activation == Activation::gelu)
        return 0.5 * std::erfc(-x * std::sqrt(0.5)) + x * 0.5 * kGeluOuter * std::exp(-0.5 * x * x);
    const double t = std::tanh(kGeluOuter * (x + kGeluInner * x * x * x));
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * kGeluOuter * (1 + 3 * kGeluInner * x * x);
}

KVVIZ_MULTIARCH void addBias(float* row, const float* bias, std::int64_t size)
{
#pragma omp simd
    for (std::int64_t i = 0; i < size; ++i)
        row[i] += bias[i];
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

RowSummary attentionRow(float* row, std::int64_t query, std::int64_t padded, const core::ScoreRule& rule,
                        std::int64_t sinks)
{
    const std::int64_t first = rule.firstKey(query);
    std::fill(row, row + first, 0.0f);
    float scale = rule.scale;
    if (rule.softcap > 0) {
        core::capScores(row + first, query + 1 - first, rule.scale, rule.softcap);
        scale = 1;
    }
    return softmaxRow(row + first, query + 1 - first, padded - first, scale, std::max<std::int64_t>(0, sinks - first));
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

namespace {

/// Asks for the row that lies kAhead bytes further on. The processor's own prefetching ends at each page of 4 KiB, and a
/// row of a matrix is shorter than that: without this, two cores read bfloat16 weights at 15 GB/s instead of 26.
inline void prefetchAhead([[maybe_unused]] const void* row, [[maybe_unused]] std::size_t bytes)
{
#ifdef __GNUC__
    constexpr std::size_t kAhead = 8192, kLine = 64;
    const auto first = reinterpret_cast<std::uintptr_t>(row) + kAhead; // beyond the last row nothing is fetched
    for (std::size_t i = 0; i < bytes; i += kLine)
        __builtin_prefetch(reinterpret_cast<const void*>(first + i));
#endif
}

} // namespace

KVVIZ_MULTIARCH void matrixVector(const float* weight, const float* x, float* y, std::int64_t begin, std::int64_t end,
                                  std::int64_t columns, bool accumulate)
{
    for (std::int64_t r = begin; r < end; ++r) {
        const float* const w = weight + r * columns;
        prefetchAhead(w, static_cast<std::size_t>(columns) * sizeof(float));
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (std::int64_t c = 0; c < columns; ++c)
            sum += w[c] * x[c];
        y[r] = accumulate ? y[r] + sum : sum;
    }
}

void splitPairs(const float* x, std::int64_t size, float* out)
{
    float* const odd = out + (size + 1) / 2;
    for (std::int64_t i = 0; i < size / 2; ++i) {
        out[i] = x[2 * i];
        odd[i] = x[2 * i + 1];
    }
    if (size % 2 != 0)
        out[size / 2] = x[size - 1];
}

KVVIZ_MULTIARCH void matrixVector(const core::BFloat16* weight, const float* pairs, float* y, std::int64_t begin,
                                  std::int64_t end, std::int64_t columns, bool accumulate)
{
    static_assert(std::endian::native == std::endian::little && sizeof(core::BFloat16) == 2);
    const std::int64_t half = columns / 2;
    const float* const even = pairs;
    const float* const odd = pairs + (columns + 1) / 2;
    for (std::int64_t r = begin; r < end; ++r) {
        const core::BFloat16* const w = weight + r * columns;
        prefetchAhead(w, static_cast<std::size_t>(columns) * sizeof(core::BFloat16));
        float sum = columns % 2 == 0 ? 0 : core::bfloat16ToFloat(w[columns - 1]) * even[half];
        // A word holds two weights; each becomes a float by one shift or mask, and no lane has to move.
#pragma omp simd reduction(+ : sum)
        for (std::int64_t c = 0; c < half; ++c) {
            std::uint32_t word;
            std::memcpy(&word, w + 2 * c, sizeof word);
            sum += std::bit_cast<float>(word << 16) * even[c] + std::bit_cast<float>(word & 0xffff0000U) * odd[c];
        }
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
