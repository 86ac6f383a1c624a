// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Plain loops that the compiler vectorises; KVVIZ_MULTIARCH makes one clone per instruction set.
#include "capture/cpu_kernels.hpp"

#include "core/fast_exp.hpp"
#include "core/multiarch.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace kvviz::capture {
namespace {

using core::fastExp;

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
