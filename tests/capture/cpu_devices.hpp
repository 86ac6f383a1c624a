// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// "Devices" that are the CPU, with as much memory as a test says: the device runner without a GPU.
#pragma once

#include "capture/device/device_backend.hpp"

#include <memory>
#include <string>
#include <vector>

namespace kvviz::test {

class CpuDevices final : public capture::DeviceRuntime {
public:
    explicit CpuDevices(std::vector<std::uint64_t> freeBytes) : m_free(std::move(freeBytes))
    {
        for (std::size_t i = 0; i < m_free.size(); ++i)
            m_slots.push_back({c10::Device(c10::kCPU), "test:" + std::to_string(i)});
    }
    [[nodiscard]] const std::vector<capture::DeviceSlot>& devices() const override { return m_slots; }
    [[nodiscard]] std::uint64_t freeBytes(std::size_t index) const override { return m_free.at(index); }
    [[nodiscard]] const capture::AttentionReducer& reducer() const override { return capture::hostReducer(); }
    [[nodiscard]] bool hasFusedAttention() const override { return false; }

private:
    std::vector<std::uint64_t> m_free;
    std::vector<capture::DeviceSlot> m_slots;
};

/// One device with room for everything, unless told otherwise.
inline std::shared_ptr<const capture::DeviceBackend>
cpuDevices(std::shared_ptr<const capture::Model> model, const std::string& dtype = "float32",
           std::vector<std::uint64_t> freeBytes = {std::uint64_t{1} << 40})
{
    return std::make_shared<const capture::DeviceBackend>(std::move(model),
                                                          std::make_shared<const CpuDevices>(std::move(freeBytes)), dtype);
}

} // namespace kvviz::test
