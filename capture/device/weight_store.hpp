// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The weights of a model on the devices of a plan: resident ones are copied once, streamed ones each time they are used,
// read from the model's file while the layer before is computed.
#pragma once

#include "capture/device/device_weights.hpp"
#include "capture/device_choice.hpp"

#include <ATen/core/Tensor.h>

#include <future>
#include <memory>
#include <vector>

namespace kvviz::capture {

class WeightStore {
public:
    WeightStore(std::shared_ptr<const Model> model, std::vector<c10::Device> devices, at::ScalarType type);

    /// Copies what the plan wants resident and is not there yet, and lets go of the rest. Layers in use by nobody else
    /// are freed at once.
    void place(const DevicePlan& plan);
    [[nodiscard]] const DevicePlan& plan() const { return m_plan; }
    /// Bytes held on one of the devices.
    [[nodiscard]] std::uint64_t bytesOn(std::size_t device) const;

    [[nodiscard]] c10::Device deviceOf(int layer) const;
    /// One layer's weights on its device; the next streamed layer is being read when this returns.
    [[nodiscard]] std::shared_ptr<const DeviceLayer> layer(int index);
    [[nodiscard]] const at::Tensor& embedding() const { return m_embedding; }   // [vocab, hidden], first device
    [[nodiscard]] const at::Tensor& outputNorm() const { return m_outputNorm; } // [hidden], last device
    [[nodiscard]] const at::Tensor& head() const { return m_head; }             // [vocab, hidden], last device
    [[nodiscard]] at::ScalarType type() const { return m_type; }

private:
    void readAhead(int after);

    std::shared_ptr<const Model> m_model;
    std::vector<c10::Device> m_devices;
    at::ScalarType m_type;
    DevicePlan m_plan;
    std::vector<std::shared_ptr<const DeviceLayer>> m_layers; // [L] null: streamed
    at::Tensor m_embedding, m_outputNorm, m_head;
    int m_ahead = -1; // the layer that is being read
    std::future<std::shared_ptr<const LayerWeights>> m_reading;
};

} // namespace kvviz::capture
