// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A weight matrix and its two products: many rows (prefill, through LibTorch) and one row (decode, where reading the
// weights is all that counts, through our own kernel). And a factorisation for low-rank tables. No LibTorch in this
// header.
#pragma once

#include "capture/weight_memory.hpp"
#include "core/half.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace kvviz::capture {

enum class WeightType : std::uint8_t { float32, bfloat16 };

class Linear {
public:
    Linear() = default;
    /// Takes the weights [outputs, inputs] in float32; they are kept as `type`.
    Linear(WeightVector<float> weights, std::int64_t outputs, std::int64_t inputs, WeightType type);

    [[nodiscard]] std::int64_t inputs() const noexcept { return m_inputs; }
    [[nodiscard]] std::int64_t outputs() const noexcept { return m_outputs; }
    [[nodiscard]] WeightType type() const noexcept { return m_type; }
    /// The weights [outputs, inputs] as they are kept: one of the two is empty.
    [[nodiscard]] std::span<const float> floats() const noexcept { return m_float; }
    [[nodiscard]] std::span<const core::BFloat16> bfloats() const noexcept { return m_bfloat; }

    /// y[rows, outputs] = x[rows, inputs] W^T, or += with `accumulate`. Contiguous float32; uses all threads.
    void apply(const float* x, std::int64_t rows, float* y, bool accumulate = false) const;
    /// x[rows, inputs] = y[rows, outputs] W: the way back of apply(), for gradients. In float32 whatever the type.
    void applyTransposed(const float* y, std::int64_t rows, float* x) const;
    /// One row of the matrix as float32 (embedding look-up).
    void copyRow(std::int64_t row, float* out) const;

private:
    void applyMany(const float* x, std::int64_t rows, float* y, bool accumulate) const;
    /// use(first row, the rows from there in float32) for all rows of bfloat16 weights, some at a time.
    template <class Use> void eachWideBlock(Use&& use) const;

    std::int64_t m_outputs = 0;
    std::int64_t m_inputs = 0;
    WeightType m_type = WeightType::float32;
    WeightVector<float> m_float;           // [outputs, inputs], when float32
    WeightVector<core::BFloat16> m_bfloat; // [outputs, inputs], when bfloat16
};

/// c[m, n] = a[m, k] b[n, k]^T or, with `transposeB` false, a[m, k] b[k, n]; row-major with leading dimensions; one
/// thread (call it from inside a parallel loop).
void multiplyBlock(bool transposeB, std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t lda,
                   const float* b, std::int64_t ldb, float* c, std::int64_t ldc);

/// Left singular vectors and singular values of a matrix [rows, columns].
struct LeftSingular {
    std::vector<double> directions; // [rows, rows] row i: unit vector that belongs to the i-th largest singular value
    std::vector<double> values;     // [rows] descending; 0 beyond the number of columns
};
/// Computed in double. Of each direction and its negative, the one whose largest component is positive, so that the
/// result does not depend on the linear algebra library. Throws Error(failure) for values that are not finite.
[[nodiscard]] LeftSingular leftSingular(std::span<const double> matrix, std::int64_t rows, std::int64_t columns);

/// Threads for LibTorch and for our own OpenMP loops; 0 = all cores.
void setThreads(int threads);
/// "2.12.1"
[[nodiscard]] const char* torchVersion();

} // namespace kvviz::capture
