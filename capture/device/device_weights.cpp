// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "capture/device/device_weights.hpp"

#include <ATen/ATen.h>

namespace kvviz::capture {

at::Tensor toDevice(const std::vector<float>& values, c10::Device device)
{
    if (values.empty())
        return {};
    return at::from_blob(const_cast<float*>(values.data()), {std::ssize(values)}, at::kFloat)
        .to(at::TensorOptions(device).dtype(at::kFloat), /*non_blocking=*/false, /*copy=*/true);
}

at::Tensor toDevice(const Linear& matrix, c10::Device device, at::ScalarType type)
{
    const bool wide = matrix.type() == WeightType::float32;
    const void* const data = wide ? static_cast<const void*>(matrix.floats().data()) : matrix.bfloats().data();
    const at::Tensor host = at::from_blob(const_cast<void*>(data), {matrix.outputs(), matrix.inputs()},
                                          at::TensorOptions().dtype(wide ? at::kFloat : at::kBFloat16));
    // Narrowed first where that saves bytes on the way.
    return host.to(type).to(at::TensorOptions(device).dtype(type), false, true);
}

DeviceLayer toDevice(const LayerWeights& weights, c10::Device device, at::ScalarType type)
{
    const auto vector = [&](const std::vector<float>& values) { return toDevice(values, device); };
    const auto matrix = [&](const Linear& linear) { return toDevice(linear, device, type); };
    return {.attentionNorm = vector(weights.attentionNorm),
            .qkv = matrix(weights.qkv),
            .qkvBias = vector(weights.qkvBias),
            .queryNorm = vector(weights.queryNorm),
            .keyNorm = vector(weights.keyNorm),
            .attentionOutput = matrix(weights.attentionOutput),
            .attentionOutputBias = vector(weights.attentionOutputBias),
            .attentionOutputNorm = vector(weights.attentionOutputNorm),
            .ffnNorm = vector(weights.ffnNorm),
            .gateUp = matrix(weights.gateUp),
            .gateUpBias = vector(weights.gateUpBias),
            .down = matrix(weights.down),
            .downBias = vector(weights.downBias),
            .ffnOutputNorm = vector(weights.ffnOutputNorm)};
}

} // namespace kvviz::capture
