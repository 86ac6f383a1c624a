// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Plain loops of fixed width that the compiler turns into vector code; sums run in a fixed order.
#include "core/kernels.hpp"

#include "core/fast_exp.hpp"
#include "core/multiarch.hpp"

#include <algorithm>

namespace kvviz::core {
namespace {

constexpr std::int64_t kRows = 4, kColumns = 32; ///< of the tile of c that is kept in registers

/// One tile of full size.
inline __attribute__((always_inline)) void multiplyTile(const float* a, std::int64_t lda, const float* b,
                                                        std::int64_t ldb, float* c, std::int64_t ldc, std::int64_t k,
                                                        bool accumulate)
{
    float tile[kRows][kColumns] = {};
    for (std::int64_t p = 0; p < k; ++p) {
        const float* const row = b + p * ldb;
        for (std::int64_t i = 0; i < kRows; ++i) {
            const float factor = a[i * lda + p];
#pragma omp simd
            for (std::int64_t j = 0; j < kColumns; ++j)
                tile[i][j] += factor * row[j];
        }
    }
    for (std::int64_t i = 0; i < kRows; ++i)
#pragma omp simd
        for (std::int64_t j = 0; j < kColumns; ++j)
            c[i * ldc + j] = accumulate ? c[i * ldc + j] + tile[i][j] : tile[i][j];
}

/// The ragged right and lower edges.
inline __attribute__((always_inline)) void multiplyEdge(const float* a, std::int64_t lda, const float* b,
                                                        std::int64_t ldb, float* c, std::int64_t ldc, std::int64_t m,
                                                        std::int64_t k, std::int64_t n, bool accumulate)
{
    for (std::int64_t i = 0; i < m; ++i) {
        float tile[kColumns] = {};
        for (std::int64_t p = 0; p < k; ++p) {
            const float factor = a[i * lda + p];
            const float* const row = b + p * ldb;
#pragma omp simd
            for (std::int64_t j = 0; j < n; ++j)
                tile[j] += factor * row[j];
        }
        for (std::int64_t j = 0; j < n; ++j)
            c[i * ldc + j] = accumulate ? c[i * ldc + j] + tile[j] : tile[j];
    }
}

} // namespace

KVVIZ_MULTIARCH void multiply(const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float* c,
                              std::int64_t ldc, std::int64_t m, std::int64_t k, std::int64_t n, bool accumulate)
{
    for (std::int64_t j = 0; j < n; j += kColumns) {
        const std::int64_t width = std::min(kColumns, n - j);
        std::int64_t i = 0;
        if (width == kColumns)
            for (; i + kRows <= m; i += kRows)
                multiplyTile(a + i * lda, lda, b + j, ldb, c + i * ldc + j, ldc, k, accumulate);
        multiplyEdge(a + i * lda, lda, b + j, ldb, c + i * ldc + j, ldc, m - i, k, width, accumulate);
    }
}

void transpose(const float* from, std::int64_t ldf, float* to, std::int64_t ldt, std::int64_t rows,
               std::int64_t columns)
{
    constexpr std::int64_t kBlock = 16; // both sides of a block stay in the first cache
    for (std::int64_t i = 0; i < rows; i += kBlock)
        for (std::int64_t j = 0; j < columns; j += kBlock)
            for (std::int64_t r = i; r < std::min(i + kBlock, rows); ++r)
                for (std::int64_t c = j; c < std::min(j + kBlock, columns); ++c)
                    to[c * ldt + r] = from[r * ldf + c];
}

KVVIZ_MULTIARCH void capScores(float* row, std::int64_t count, float scale, float cap)
{
    const float inner = scale / cap;
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i)
        row[i] = cap * fastTanh(inner * row[i]);
}

KVVIZ_MULTIARCH float exponentials(float* row, std::int64_t count, float scale, float top)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < count; ++i) {
        row[i] = fastExp(scale * (row[i] - top));
        sum += row[i];
    }
    return sum;
}

KVVIZ_MULTIARCH float largest(const float* row, std::int64_t count)
{
    float top = row[0];
#pragma omp simd reduction(max : top)
    for (std::int64_t i = 0; i < count; ++i)
        top = row[i] > top ? row[i] : top;
    return top;
}

KVVIZ_MULTIARCH void scaleBy(float* row, std::int64_t count, float factor)
{
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i)
        row[i] *= factor;
}

KVVIZ_MULTIARCH double total(const float* row, std::int64_t count)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < count; ++i)
        sum += row[i];
    return sum;
}

KVVIZ_MULTIARCH double grown(const float* a, const float* b, float ratio, std::int64_t count)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < count; ++i) {
        const float difference = a[i] - ratio * b[i];
        sum += difference > 0 ? difference : 0.0f;
    }
    return sum;
}

KVVIZ_MULTIARCH double combinedSquares(const float* a, double x, const float* b, double y, std::int64_t count)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < count; ++i) {
        const double value = x * a[i] + y * b[i];
        sum += value * value;
    }
    return sum;
}

KVVIZ_MULTIARCH double gather(const float* row, const std::int32_t* index, std::int64_t count, float* to)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < count; ++i) {
        to[i] = row[index[i]];
        sum += to[i];
    }
    return sum;
}

} // namespace kvviz::core
