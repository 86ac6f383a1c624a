// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Small matrix products and softmax for one thread, compiled for AVX-512, AVX2 and the baseline and chosen at run time.
// Callers share the work out among threads; results depend on neither their number nor, but for rounding, the machine.
#pragma once

#include <cstdint>

namespace kvviz::core {

/// c[m, n] = a[m, k] b[k, n], or += with `accumulate`; rows lie lda, ldb and ldc floats apart.
void multiply(const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float* c, std::int64_t ldc,
              std::int64_t m, std::int64_t k, std::int64_t n, bool accumulate = false);
/// to[columns, rows] = from[rows, columns] transposed; rows of `from` lie ldf floats apart, those of `to` ldt.
void transpose(const float* from, std::int64_t ldf, float* to, std::int64_t ldt, std::int64_t rows,
               std::int64_t columns);
/// In place: row = cap tanh(scale row / cap), the soft cap of Gemma 2 (arXiv 2408.00118, section 2).
void capScores(float* row, std::int64_t count, float scale, float cap);
/// In place: row = exp(scale * (row - top)); returns the sum.
float exponentials(float* row, std::int64_t count, float scale, float top);
[[nodiscard]] float largest(const float* row, std::int64_t count); ///< count > 0
void scaleBy(float* row, std::int64_t count, float factor);
/// Sum in double.
[[nodiscard]] double total(const float* row, std::int64_t count);
/// Sum of max(0, a - ratio b); exactly 0 for equal a and b and a ratio of 1.
[[nodiscard]] double grown(const float* a, const float* b, float ratio, std::int64_t count);
/// Sum of (x a + y b)^2, in double.
[[nodiscard]] double combinedSquares(const float* a, double x, const float* b, double y, std::int64_t count);
/// to[i] = row[index[i]]; returns the sum of to in double.
double gather(const float* row, const std::int32_t* index, std::int64_t count, float* to);

} // namespace kvviz::core
