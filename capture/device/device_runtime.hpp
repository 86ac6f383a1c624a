// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The devices of a run and what they can do. The GPU's is in the CUDA module; tests make one of CPU "devices", so that
// everything above the kernels runs without a GPU.
#pragma once

#include "capture/device/attention_reducer.hpp"

#include <c10/core/Device.h>

#include <cstdint>
#include <string>
#include <vector>

namespace kvviz::capture {

struct DeviceSlot {
    c10::Device device;
    std::string name; ///< "cuda:0 (NVIDIA H200)"
};

class DeviceRuntime {
public:
    virtual ~DeviceRuntime() = default;
    [[nodiscard]] virtual const std::vector<DeviceSlot>& devices() const = 0;
    /// What can still be taken of a device (an index into devices()), with memory that LibTorch holds but does not use.
    [[nodiscard]] virtual std::uint64_t freeBytes(std::size_t index) const = 0;
    [[nodiscard]] virtual const AttentionReducer& reducer() const = 0;
    /// Are there fused attention kernels that hand out log-sum-exps?
    [[nodiscard]] virtual bool hasFusedAttention() const = 0;
};

} // namespace kvviz::capture
