// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// --device and --dtype of commands that run a model.
#pragma once

#include "capture/linear.hpp"
#include "capture/runner.hpp"

#include <memory>
#include <string>

namespace kvviz::app {

/// What the user asked for, checked as far as that goes without a model: GPUs are there and the GPU part loads.
class DeviceChoice {
public:
    /// Throws Error(usage) for texts that mean nothing and for float16 on the CPU, Error(device) for GPUs that are not
    /// there; all before a model is loaded.
    DeviceChoice(const std::string& device, const std::string& dtype);

    /// Of the weights in host memory.
    [[nodiscard]] capture::WeightType weightType() const;
    [[nodiscard]] bool onGpu() const { return !m_indices.empty(); }
    /// Where the model runs. Throws Error(device).
    [[nodiscard]] std::shared_ptr<const capture::Backend> open(std::shared_ptr<const capture::Model> model) const;

private:
    std::string m_dtype;
    std::vector<int> m_indices; ///< of GPUs; empty: the CPU
};

/// "13.0 (sm_80, sm_90), libkvviz_cuda.so" when the GPU part is there, else empty. Does not open it.
[[nodiscard]] std::string cudaPartVersion();

} // namespace kvviz::app
