// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "capture/device/device_backend.hpp"

#include "capture/device/boundary.hpp"
#include "capture/device/device_runner.hpp"

#include <ATen/ATen.h>
#include <fmt/format.h>

namespace kvviz::capture {
namespace {

at::ScalarType typeOf(const std::string& dtype)
{
    if (dtype == "float32")
        return at::kFloat;
    if (dtype == "bfloat16")
        return at::kBFloat16;
    if (dtype == "float16")
        return at::kHalf;
    throw core::Error(core::ErrorCode::usage,
                      fmt::format("--dtype {}: expected float32, bfloat16 or float16", dtype));
}

std::vector<c10::Device> devicesOf(const DeviceRuntime& runtime)
{
    std::vector<c10::Device> devices;
    for (const DeviceSlot& slot : runtime.devices())
        devices.push_back(slot.device);
    return devices;
}

} // namespace

DeviceBackend::DeviceBackend(std::shared_ptr<const Model> model, std::shared_ptr<const DeviceRuntime> runtime,
                             const std::string& dtype)
    : m_model(std::move(model)), m_runtime(std::move(runtime)), m_dtype(dtype),
      m_weights(std::make_shared<WeightStore>(m_model, devicesOf(*m_runtime), typeOf(dtype)))
{
}

std::string DeviceBackend::device() const
{
    std::string text;
    for (const DeviceSlot& slot : m_runtime->devices())
        text += (text.empty() ? "" : ", ") + slot.name;
    return text;
}

void DeviceBackend::place(std::int64_t capacity) const
{
    const auto elementBytes = static_cast<std::int64_t>(at::elementSize(m_weights->type()));
    std::vector<std::uint64_t> room;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < m_runtime->devices().size(); ++i) {
        room.push_back(m_runtime->freeBytes(i) + m_weights->bytesOn(i));
        names.push_back(m_runtime->devices()[i].name);
    }
    const DeviceNeeds needs = deviceNeeds(*m_model, elementBytes, capacity, static_cast<int>(room.size()));
    const auto plan = planDevices(needs, room);
    if (!plan)
        throw core::Error(core::ErrorCode::device, doesNotFit(*m_model, m_dtype, elementBytes, capacity, names, room));
    const DevicePlan& now = m_weights->plan();
    // Weights that lie well stay where they are: what is free changes a little from prompt to prompt.
    const bool stays = !now.deviceOfLayer.empty() && now.streamedLayers() <= plan->streamedLayers()
                       && planFits(needs, room, now);
    m_weights->place(stays ? now : *plan);
}

std::unique_ptr<Runner> DeviceBackend::newRunner(const DecoderOptions& options) const
{
    requireContext(*m_model, options.capacity);
    return atDeviceBoundary([&] {
        place(options.capacity);
        return std::make_unique<DeviceRunner>(m_model, m_runtime, m_weights, options);
    });
}

} // namespace kvviz::capture
