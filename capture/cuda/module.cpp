// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// libkvviz_cuda.so: GPUs for the device runner, behind the one symbol that the engine looks for.
#include "capture/cuda_module.hpp"

#include "capture/cuda/cuda_reducer.hpp"
#include "capture/device/boundary.hpp"
#include "capture/device/device_backend.hpp"

#include <ATen/Context.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>
#include <fmt/format.h>

namespace kvviz::capture {
namespace {

/// Left to cuBLAS, to the driver and to what the allocator cannot use between its blocks.
constexpr std::uint64_t kReserve = std::uint64_t{768} << 20;
constexpr int kOldest = 8; ///< compute capability for which the kernels are compiled

[[noreturn]] void fail(const std::string& what)
{
    throw core::Error(core::ErrorCode::device, what + "; or run on the CPU: --device cpu");
}

void check(cudaError_t error, const char* what)
{
    if (error != cudaSuccess)
        fail(fmt::format("{}: {}", what, cudaGetErrorString(error)));
}

int deviceCount()
{
    int count = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    if (error == cudaErrorInsufficientDriver)
        fail("the GPU's driver is missing or older than CUDA 13 (nvidia-smi shows it): install one of version 580 or "
             "later");
    if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0))
        fail("there is no NVIDIA GPU on this machine, or CUDA_VISIBLE_DEVICES hides it");
    check(error, "the GPUs cannot be counted");
    return count;
}

/// Takes no memory of the GPU: nothing is started there yet.
GpuInfo infoOf(int index)
{
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, index), "a GPU cannot be asked what it is");
    return {properties.name, properties.major, properties.minor, properties.totalGlobalMem};
}

class CudaRuntime final : public DeviceRuntime {
public:
    explicit CudaRuntime(const std::vector<int>& indices)
    {
        const int count = deviceCount();
        for (const int index : indices) {
            if (index >= count)
                fail(fmt::format("--device cuda:{}: this machine has {} GPU{} (cuda:0{})", index, count,
                                 count == 1 ? "" : "s", count == 1 ? "" : fmt::format(" to cuda:{}", count - 1)));
            const GpuInfo info = infoOf(index);
            if (info.major < kOldest)
                fail(fmt::format("cuda:{} ({}) has compute capability {}.{}; kvviz needs {}.0 or later", index, info.name,
                                 info.major, info.minor, kOldest));
            m_slots.push_back({c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index)),
                               fmt::format("cuda:{} ({})", index, info.name)});
        }
    }
    [[nodiscard]] const std::vector<DeviceSlot>& devices() const override { return m_slots; }
    [[nodiscard]] std::uint64_t freeBytes(std::size_t index) const override
    {
        c10::cuda::CUDACachingAllocator::emptyCache(); // what LibTorch holds and nobody uses
        const c10::cuda::CUDAGuard guard(m_slots.at(index).device);
        std::size_t free = 0, total = 0;
        check(cudaMemGetInfo(&free, &total), "a GPU cannot be asked for its memory");
        return free > kReserve ? free - kReserve : 0;
    }
    [[nodiscard]] const AttentionReducer& reducer() const override { return cudaReducer(); }
    [[nodiscard]] bool hasFusedAttention() const override { return true; }

private:
    std::vector<DeviceSlot> m_slots;
};

class Module final : public CudaModule {
public:
    [[nodiscard]] std::vector<GpuInfo> devices() const override
    {
        return atDeviceBoundary([] {
            std::vector<GpuInfo> result;
            for (int index = 0, count = deviceCount(); index < count; ++index)
                result.push_back(infoOf(index));
            return result;
        });
    }
    [[nodiscard]] std::shared_ptr<const Backend> open(std::shared_ptr<const Model> model, const std::vector<int>& indices,
                                                      const std::string& dtype) const override
    {
        return atDeviceBoundary([&] {
            const auto runtime = std::make_shared<const CudaRuntime>(indices);
            at::globalContext().setAllowTF32CuBLAS(false); // float32 means float32
            return std::shared_ptr<const Backend>(std::make_shared<const DeviceBackend>(std::move(model), runtime, dtype));
        });
    }
};

CudaModule* theModule()
{
    static Module module;
    return &module;
}

} // namespace
} // namespace kvviz::capture

extern "C" __attribute__((visibility("default"))) const kvviz::capture::CudaModuleEntry kvviz_cuda_module;
const kvviz::capture::CudaModuleEntry kvviz_cuda_module = {
    kvviz::capture::kCudaModuleVersion, KVVIZ_CUDA_BUILD, &kvviz::capture::theModule};
