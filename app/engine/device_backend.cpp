// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "app/engine/device_backend.hpp"

#include "app/dispatch.hpp"
#include "app/engine/free_memory.hpp"
#include "capture/bounded_backend.hpp"
#include "capture/cuda_module.hpp"
#include "capture/device_choice.hpp"
#include "core/error.hpp"

#include <fmt/format.h>

namespace kvviz::app {

using core::Error;
using core::ErrorCode;

DeviceChoice::DeviceChoice(const std::string& device, const std::string& dtype)
    : m_dtype(dtype), m_indices(capture::parseDevices(device))
{
    if (dtype != "float32" && dtype != "bfloat16" && dtype != "float16")
        throw Error(ErrorCode::usage, fmt::format("--dtype {}: expected float32, bfloat16 or float16", dtype));
    if (!onGpu() && dtype == "float16")
        throw Error(ErrorCode::usage, "--dtype float16 needs a GPU (--device cuda); on the CPU use bfloat16 or float32");
    if (!onGpu())
        return;
    try {
        const std::vector<capture::GpuInfo> gpus = capture::openCudaModule(programFolder()).devices();
        for (const int index : m_indices)
            if (index >= std::ssize(gpus))
                throw Error(ErrorCode::device,
                            fmt::format("this machine has {} GPU{}, numbered from cuda:0; or run on the CPU: --device cpu",
                                        gpus.size(), gpus.size() == 1 ? "" : "s"));
    } catch (const Error& error) {
        throw Error(error.code(), fmt::format("--device {}: {}", device, error.what()));
    }
}

capture::WeightType DeviceChoice::weightType() const
{
    // float16 is made from float32: bfloat16 on the way would round twice.
    return m_dtype == "bfloat16" ? capture::WeightType::bfloat16 : capture::WeightType::float32;
}

std::shared_ptr<const capture::Backend> DeviceChoice::open(std::shared_ptr<const capture::Model> model) const
{
    if (!onGpu())
        return capture::boundedCpuBackend(std::move(model), [] { return freeMemory(); });
    return capture::openCudaModule(programFolder()).open(std::move(model), m_indices, m_dtype);
}

std::string cudaPartVersion()
{
    const std::filesystem::path file = capture::findCudaModule(programFolder());
    const std::string_view built = KVVIZ_CUDA_TOOLKIT;
    if (file.empty() || built.empty())
        return {};
    return fmt::format("{}, {}", built, file.filename().string());
}

} // namespace kvviz::app
