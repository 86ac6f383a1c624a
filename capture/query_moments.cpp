// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Products of a chunk in float32 around a shift near the mean, chunks joined in float64.
#include "capture/query_moments.hpp"

#include "capture/cpu_kernels.hpp"
#include "core/parallel.hpp"

#include <algorithm>
#include <functional>

namespace kvviz::capture {

QueryMoments::QueryMoments(std::int64_t heads, std::int64_t headDim)
    : m_heads(heads),
      m_headDim(headDim),
      m_shift(static_cast<std::size_t>(heads * headDim)),
      m_sums(m_shift.size()),
      m_products(static_cast<std::size_t>(heads * headDim * headDim))
{
}

void QueryMoments::add(const float* queries, std::int64_t count, std::int64_t stride)
{
    if (count <= 0)
        return;
    core::parallelFor(m_heads, [&](std::int64_t head) { addHead(head, queries + head * m_headDim, count, stride); });
    m_count += count;
}

void QueryMoments::addHead(std::int64_t head, const float* queries, std::int64_t count, std::int64_t stride)
{
    constexpr std::int64_t kRows = 4; ///< of addOuterProducts
    const std::int64_t d = m_headDim;
    float* const shift = m_shift.data() + head * d;
    double* const sums = m_sums.data() + head * d;
    double* const products = m_products.data() + head * d * d;
    if (m_count == 0) {
        std::fill_n(sums, d, 0.0);
        std::fill_n(products, d * d, 0.0);
        std::fill_n(shift, d, 0.0f);
        for (std::int64_t i = 0; i < count; ++i)
            accumulateRow(queries + i * stride, d, shift, nullptr);
        std::transform(shift, shift + d, shift, [&](float sum) { return sum / static_cast<float>(count); });
    }
    std::vector<float> rows(static_cast<std::size_t>(kRows * d)); // four queries - shift; beyond the last one 0
    std::vector<float> sum(static_cast<std::size_t>(d)), gram(static_cast<std::size_t>(d * d));
    for (std::int64_t first = 0; first < count; first += kRows) {
        const std::int64_t there = std::min(kRows, count - first);
        std::fill(rows.begin() + there * d, rows.end(), 0.0f);
        for (std::int64_t i = 0; i < there; ++i) {
            const float* const query = queries + (first + i) * stride;
            float* const row = rows.data() + i * d;
#pragma omp simd
            for (std::int64_t c = 0; c < d; ++c)
                row[c] = query[c] - shift[c];
            accumulateRow(row, d, sum.data(), nullptr);
        }
        addOuterProducts(rows.data(), d, gram.data());
    }
    std::transform(sum.begin(), sum.end(), sums, sums, std::plus<double>());
    for (std::int64_t i = 0; i < d; ++i)
        for (std::int64_t j = i; j < d; ++j)
            products[i * d + j] += static_cast<double>(gram[static_cast<std::size_t>(i * d + j)]);
}

void QueryMoments::write(std::vector<float>& mean, std::vector<float>& covariance) const
{
    mean.assign(m_shift.size(), 0.0f);
    covariance.assign(m_products.size(), 0.0f);
    if (m_count == 0)
        return;
    const std::int64_t d = m_headDim;
    const auto count = static_cast<double>(m_count);
    for (std::int64_t head = 0; head < m_heads; ++head) {
        const double* const sums = m_sums.data() + head * d;
        const double* const products = m_products.data() + head * d * d;
        float* const out = covariance.data() + head * d * d;
        for (std::int64_t i = 0; i < d; ++i) {
            const auto at = static_cast<std::size_t>(head * d + i);
            mean[at] = static_cast<float>(static_cast<double>(m_shift[at]) + sums[i] / count);
            for (std::int64_t j = i; j < d; ++j)
                out[i * d + j] = out[j * d + i] =
                    static_cast<float>(products[i * d + j] / count - sums[i] / count * (sums[j] / count));
            out[i * d + i] = std::max(out[i * d + i], 0.0f);
        }
    }
}

} // namespace kvviz::capture
