// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Loops over a vocabulary in double that the compiler vectorises.
#include "capture/divergence.hpp"

#include "core/multiarch.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace kvviz::capture {
namespace {

/// exp(x) in double to about 1e-15; 3e-308 below -708. A Taylor polynomial of degree 13 on
/// |f| <= ln(2)/2 after x = k ln2 + f; branch-free, so loops over it vectorise.
inline __attribute__((always_inline)) double preciseExp(double x)
{
    constexpr double kLog2e = 1.4426950408889634;
    constexpr double kLn2High = 0.693147180369123816490;
    constexpr double kLn2Low = 1.90821492927058770002e-10;
    constexpr double kRound = 6755399441055744.0; // 1.5 * 2^52: adding it rounds to an integer
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
    return std::bit_cast<double>(std::bit_cast<std::int64_t>(p) + exponent);
}

} // namespace

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
    return {mean, std::log1p(std::max(sum / mass, 0.0))}; // NaN stays NaN
}

} // namespace kvviz::capture
