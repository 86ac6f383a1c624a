// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// LayerMath on a device: the parts of a transformer that treat every row by itself, as the architecture record says.
// The residual stream, norms, biases and rotation are float32 whatever the type of the weights; only the inputs of matrix
// products are narrowed.
#pragma once

#include "capture/device/device_weights.hpp"
#include "capture/device/weight_store.hpp"

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <span>

namespace kvviz::capture {

/// Where the projections of a block of rows go, all in the type of the weights.
struct DeviceQkv {
    at::Tensor query; ///< [rows, H, d]
    at::Tensor key;   ///< [G, rows, d], a view into the cache
    at::Tensor value; ///< likewise
};

/// Sees the queries [rows, H, d] in float32 of rows [first, first + rows) of a block, with biases and norms, before RoPE.
using DeviceQueryWatch = std::function<void(std::int64_t first, const at::Tensor& queries)>;

class DeviceMath {
public:
    DeviceMath(std::shared_ptr<const Model> model, WeightStore& weights) : m_model(std::move(model)), m_weights(weights)
    {
    }

    /// [ids, hidden] float32 on the first device.
    [[nodiscard]] at::Tensor embed(std::span<const std::int32_t> ids) const;
    /// From now on row i of a block is at position first + i.
    void setPositions(std::int64_t first, std::int64_t count);
    /// Norm, projections and rotation of stream[rows, hidden].
    void projectQkv(int layer, const DeviceLayer& weights, const at::Tensor& stream, const DeviceQkv& places,
                    const DeviceQueryWatch& watch = {}) const;
    /// stream[rows, hidden] += attended[rows, H d] Wo^T, with its bias and norm.
    void addAttentionOutput(const DeviceLayer& weights, const at::Tensor& attended, at::Tensor& stream) const;
    /// stream[rows, hidden] += the feed-forward part of it.
    void addFeedForward(const DeviceLayer& weights, at::Tensor& stream) const;
    /// [rows, vocab] float32 of stream[rows, hidden] on the last device, output norm included.
    [[nodiscard]] at::Tensor logits(const at::Tensor& stream) const;

private:
    struct Rotation {
        at::Tensor cosine, sine; // [positions, 1, half] float32
    };
    [[nodiscard]] at::Tensor norm(const at::Tensor& rows, const at::Tensor& weight) const;
    [[nodiscard]] at::Tensor product(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias) const;
    void addProduct(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& outputNorm,
                    at::Tensor stream) const;
    [[nodiscard]] at::Tensor activate(const at::Tensor& gate) const;
    /// Turns heads [rows, heads, d] of rows [first, ..) in place.
    void rotate(const Rotation& rotation, std::int64_t first, at::Tensor heads) const;
    [[nodiscard]] const Rotation& rotationOf(int layer, c10::Device device) const;

    std::shared_ptr<const Model> m_model;
    WeightStore& m_weights;
    RopeTable m_global, m_local;
    std::int64_t m_count = 0;
    mutable std::map<std::pair<bool, c10::DeviceIndex>, Rotation> m_rotations; // by (local?, device)
};

} // namespace kvviz::capture
