// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The only file of the decoder that sees LibTorch: matrix products and the singular value decomposition.
#include "capture/linear.hpp"

#include "capture/cpu_kernels.hpp"
#include "core/error.hpp"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/InferenceMode.h>
#include <torch/headeronly/version.h>

#include <omp.h>
#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <cmath>

namespace kvviz::capture {
namespace {

at::Tensor view(const void* data, std::int64_t rows, std::int64_t columns, at::ScalarType type)
{
    return at::from_blob(const_cast<void*>(data), {rows, columns}, at::TensorOptions().dtype(type));
}

/// input[m, k] weight[n, k]^T through oneDNN where this LibTorch offers it: on AMD cores its float32 kernels reach 205
/// GFLOPS where at::mm, which goes to MKL, reaches 150 (2048 x 3072 x 576, two Zen 4 cores).
at::Tensor floatProduct(const at::Tensor& input, const at::Tensor& weight)
{
    using Product = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, std::string_view,
                               c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);
    static const auto oneDnn = []() -> std::optional<c10::TypedOperatorHandle<Product>> {
        try {
            const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
            return found ? std::optional(found->typed<Product>()) : std::nullopt;
        } catch (const c10::Error&) { // another version's signature
            return std::nullopt;
        }
    }();
    if (!oneDnn || !at::globalContext().userEnabledMkldnn())
        return at::linear(input, weight);
    return oneDnn->call(input, weight, std::nullopt, "none",
                        c10::List<std::optional<at::Scalar>>(), std::nullopt);
}

/// Are products of bfloat16 numbers faster than those of float32? With AMX, and on AMD's processors that have them at all.
/// Intel's AVX512-BF16 alone is no faster: on two cores of Sapphire Rapids whose AMX is hidden, a prefill of 2048 tokens
/// took 5.6 s with it and 4.2 s with weights widened to float32, which also leaves the inputs as they are.
bool hasFastBFloat16()
{
#if defined(__x86_64__) && defined(__GNUC__)
    static const bool fast = [] {
        unsigned a = 0, b = 0, c = 0, d = 0;
        if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0)
            return false;
        constexpr unsigned kAmxBFloat16 = 1U << 22U, kAmxTiles = 1U << 24U, kAvx512BFloat16 = 1U << 5U;
        if ((d & kAmxBFloat16) != 0 && (d & kAmxTiles) != 0)
            return true;
        return __builtin_cpu_is("amd") && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & kAvx512BFloat16) != 0;
    }();
    return fast;
#else
    return false;
#endif
}

/// One of the doors where exceptions are turned: c10::Error never leaves this file. Inference mode is per thread, so it
/// is set here too (products also run inside OpenMP teams).
template <class Work>
void atTorchBoundary(Work&& work)
{
    try {
        const c10::InferenceMode inference;
        work();
    } catch (const c10::Error& error) {
        throw core::Error(core::ErrorCode::device,
                          std::string("a matrix computation failed: ") + error.what_without_backtrace());
    }
}

} // namespace

Linear::Linear(WeightVector<float> weights, std::int64_t outputs, std::int64_t inputs, WeightType type)
    : m_outputs(outputs), m_inputs(inputs), m_type(type)
{
    if (std::ssize(weights) != outputs * inputs)
        throw core::Error(core::ErrorCode::failure, "a weight matrix was made with the wrong number of values");
    if (type == WeightType::float32) {
        m_float = std::move(weights);
        return;
    }
    m_bfloat.resize(weights.size());
#pragma omp parallel for schedule(static)
    for (std::int64_t r = 0; r < outputs; ++r)
        toBFloat16(weights.data() + r * inputs, m_bfloat.data() + r * inputs, inputs);
}

void Linear::apply(const float* x, std::int64_t rows, float* y, bool accumulate) const
{
    if (rows != 1)
        return applyMany(x, rows, y, accumulate);
    constexpr std::int64_t kRowsPerTask = 16;
    const std::int64_t tasks = (m_outputs + kRowsPerTask - 1) / kRowsPerTask;
    std::vector<float> pairs;
    if (m_type == WeightType::bfloat16) {
        pairs.resize(static_cast<std::size_t>(m_inputs));
        splitPairs(x, m_inputs, pairs.data());
    }
#pragma omp parallel for schedule(static)
    for (std::int64_t task = 0; task < tasks; ++task) {
        const std::int64_t begin = task * kRowsPerTask;
        const std::int64_t end = std::min(m_outputs, begin + kRowsPerTask);
        if (m_type == WeightType::float32)
            matrixVector(m_float.data(), x, y, begin, end, m_inputs, accumulate);
        else
            matrixVector(m_bfloat.data(), pairs.data(), y, begin, end, m_inputs, accumulate);
    }
}

template <class Use>
void Linear::eachWideBlock(Use&& use) const
{
    constexpr std::int64_t kBlock = 2048; // rows of the matrix that are widened at a time
    WeightVector<float> wide(static_cast<std::size_t>(std::min(kBlock, m_outputs) * m_inputs));
    for (std::int64_t first = 0; first < m_outputs; first += kBlock) {
        const std::int64_t count = std::min(kBlock, m_outputs - first);
#pragma omp parallel for schedule(static)
        for (std::int64_t r = 0; r < count; ++r)
            toFloat(m_bfloat.data() + (first + r) * m_inputs, wide.data() + r * m_inputs, m_inputs);
        use(first, view(wide.data(), count, m_inputs, at::kFloat));
    }
}

void Linear::applyMany(const float* x, std::int64_t rows, float* y, bool accumulate) const
{
    atTorchBoundary([&] {
        at::Tensor out = view(y, rows, m_outputs, at::kFloat);
        const auto put = [accumulate](at::Tensor place, const at::Tensor& product) {
            if (accumulate)
                place.add_(product);
            else
                place.copy_(product);
        };
        const at::Tensor input = view(x, rows, m_inputs, at::kFloat);
        if (m_type == WeightType::float32)
            return put(out, floatProduct(input, view(m_float.data(), m_outputs, m_inputs, at::kFloat)));
        if (!hasFastBFloat16())
            return eachWideBlock([&](std::int64_t first, const at::Tensor& weights) {
                put(out.narrow(1, first, weights.size(0)), floatProduct(input, weights));
            });
        std::vector<core::BFloat16> narrow(static_cast<std::size_t>(rows * m_inputs));
#pragma omp parallel for schedule(static)
        for (std::int64_t r = 0; r < rows; ++r)
            toBFloat16(x + r * m_inputs, narrow.data() + r * m_inputs, m_inputs);
        put(out, at::linear(view(narrow.data(), rows, m_inputs, at::kBFloat16),
                            view(m_bfloat.data(), m_outputs, m_inputs, at::kBFloat16)));
    });
}

void Linear::applyTransposed(const float* y, std::int64_t rows, float* x) const
{
    atTorchBoundary([&] {
        const at::Tensor given = view(y, rows, m_outputs, at::kFloat);
        at::Tensor out = view(x, rows, m_inputs, at::kFloat);
        if (m_type == WeightType::float32) {
            at::mm_out(out, given, view(m_float.data(), m_outputs, m_inputs, at::kFloat));
            return;
        }
        out.zero_();
        eachWideBlock([&](std::int64_t first, const at::Tensor& weights) {
            out.addmm_(given.narrow(1, first, weights.size(0)), weights);
        });
    });
}

void Linear::copyRow(std::int64_t row, float* out) const
{
    if (m_type == WeightType::float32)
        std::copy_n(m_float.data() + row * m_inputs, m_inputs, out);
    else
        toFloat(m_bfloat.data() + row * m_inputs, out, m_inputs);
}

void multiplyBlock(bool transposeB, std::int64_t m, std::int64_t n, std::int64_t k, const float* a, std::int64_t lda,
                   const float* b, std::int64_t ldb, float* c, std::int64_t ldc)
{
    atTorchBoundary([&] {
        const auto options = at::TensorOptions().dtype(at::kFloat);
        const auto strided = [&](const float* data, std::int64_t rows, std::int64_t columns, std::int64_t rowStride,
                                 std::int64_t columnStride) {
            return at::from_blob(const_cast<float*>(data), {rows, columns}, {rowStride, columnStride}, options);
        };
        at::Tensor out = strided(c, m, n, ldc, 1);
        at::mm_out(out, strided(a, m, k, lda, 1), transposeB ? strided(b, k, n, 1, ldb) : strided(b, k, n, ldb, 1));
    });
}

LeftSingular leftSingular(std::span<const double> matrix, std::int64_t rows, std::int64_t columns)
{
    if (std::ssize(matrix) != rows * columns)
        throw core::Error(core::ErrorCode::failure, "a matrix to be factored has the wrong number of values");
    if (!std::all_of(matrix.begin(), matrix.end(), [](double value) { return std::isfinite(value); }))
        throw core::Error(core::ErrorCode::failure, "a matrix to be factored holds values that are not finite");
    LeftSingular result{std::vector<double>(static_cast<std::size_t>(rows * rows)),
                        std::vector<double>(static_cast<std::size_t>(rows), 0.0)};
    atTorchBoundary([&] {
        const auto [u, s, vt] =
            at::linalg_svd(view(matrix.data(), rows, columns, at::kDouble), /*full_matrices=*/rows > columns);
        view(result.directions.data(), rows, rows, at::kDouble).copy_(u.t());
        std::copy_n(s.contiguous().const_data_ptr<double>(), s.numel(), result.values.begin());
    });
    for (std::int64_t i = 0; i < rows; ++i) {
        const std::span<double> row = std::span(result.directions).subspan(static_cast<std::size_t>(i * rows),
                                                                          static_cast<std::size_t>(rows));
        const auto smaller = [](double a, double b) { return std::abs(a) < std::abs(b); };
        if (*std::max_element(row.begin(), row.end(), smaller) < 0)
            for (double& value : row)
                value = -value;
    }
    return result;
}

void setThreads(int threads)
{
    const int count = threads > 0 ? threads : omp_get_max_threads(); // OMP_NUM_THREADS, else all cores
    omp_set_num_threads(count);
    at::set_num_threads(count);
}

const char* torchVersion() { return TORCH_VERSION; }

} // namespace kvviz::capture
