// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// QueryMoments on a device: mean and covariance of each head's queries before RoPE.
#pragma once

#include <ATen/core/Tensor.h>

namespace kvviz::capture {

class DeviceMoments {
public:
    void reset() { m_count = 0; }
    /// queries [count, H, d] float32; with none nothing happens.
    void add(const at::Tensor& queries);
    /// mean [H, d] and covariance [H, d, d] float32, divided by the count, on the device; 0 when there was no query.
    [[nodiscard]] std::pair<at::Tensor, at::Tensor> result(std::int64_t heads, std::int64_t headDim,
                                                           c10::Device device) const;

private:
    std::int64_t m_count = 0;
    at::Tensor m_shift;    // [H, 1, d] mean of the first chunk: sums of differences from it lose no digits
    at::Tensor m_sums;     // [H, d] float64, of query - shift
    at::Tensor m_products; // [H, d, d] float64
};

} // namespace kvviz::capture
