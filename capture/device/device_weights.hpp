// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Weights as tensors on a device: matrices in the run's type, vectors (norms, biases) in float32.
#pragma once

#include "capture/model.hpp"

#include <ATen/core/Tensor.h>

namespace kvviz::capture {

/// As LayerWeights; undefined where the model has none.
struct DeviceLayer {
    at::Tensor attentionNorm, qkv, qkvBias, queryNorm, keyNorm;
    at::Tensor attentionOutput, attentionOutputBias, attentionOutputNorm;
    at::Tensor ffnNorm, gateUp, gateUpBias, down, downBias, ffnOutputNorm;
};

[[nodiscard]] at::Tensor toDevice(const std::vector<float>& values, c10::Device device);
[[nodiscard]] at::Tensor toDevice(const Linear& matrix, c10::Device device, at::ScalarType type);
/// Copies; `weights` may go afterwards.
[[nodiscard]] DeviceLayer toDevice(const LayerWeights& weights, c10::Device device, at::ScalarType type);

} // namespace kvviz::capture
