// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Products of a chunk in float32, chunks joined in float64, as QueryMoments does.
#include "capture/device/device_moments.hpp"

#include <ATen/ATen.h>

namespace kvviz::capture {

void DeviceMoments::add(const at::Tensor& queries)
{
    if (queries.size(0) == 0)
        return;
    const at::Tensor rows = queries.transpose(0, 1); // [H, count, d]
    if (m_count == 0)
        m_shift = rows.mean({1}, /*keepdim=*/true);
    const at::Tensor moved = rows - m_shift;
    const at::Tensor sums = moved.sum({1}).to(at::kDouble);
    const at::Tensor products = at::bmm(moved.transpose(1, 2), moved).to(at::kDouble);
    m_sums = m_count == 0 ? sums : m_sums.add_(sums);
    m_products = m_count == 0 ? products : m_products.add_(products);
    m_count += queries.size(0);
}

std::pair<at::Tensor, at::Tensor> DeviceMoments::result(std::int64_t heads, std::int64_t headDim,
                                                        c10::Device device) const
{
    const auto options = at::TensorOptions(device).dtype(at::kFloat);
    if (m_count == 0)
        return {at::zeros({heads, headDim}, options), at::zeros({heads, headDim, headDim}, options)};
    const at::Tensor offset = m_sums / m_count; // of the mean from the shift
    at::Tensor covariance = m_products / m_count - offset.unsqueeze(2) * offset.unsqueeze(1);
    covariance = (covariance + covariance.transpose(1, 2)) / 2;
    covariance.diagonal(0, 1, 2).clamp_min_(0);
    return {(m_shift.squeeze(1) + offset).to(at::kFloat), covariance.to(at::kFloat)};
}

} // namespace kvviz::capture
