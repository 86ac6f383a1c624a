// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The GPU part as the engine sees it: an object from libkvviz_cuda.so, which is opened only when a GPU is asked for, so
// that one build serves machines with and without one. No LibTorch and no CUDA in this header.
#pragma once

#include "capture/runner.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace kvviz::capture {

struct GpuInfo {
    std::string name; ///< "NVIDIA H200"
    int major = 0, minor = 0; ///< compute capability
    std::uint64_t totalBytes = 0;
};

class CudaModule {
public:
    virtual ~CudaModule() = default;
    /// All GPUs that the driver shows. Throws Error(device): no driver, no GPU.
    [[nodiscard]] virtual std::vector<GpuInfo> devices() const = 0;
    /// The model on GPUs of these indices, in this order; `dtype`: float32, bfloat16 or float16. Weights are copied when
    /// the first runner is made. Throws Error(device): an index out of range, a GPU too old for the kernels.
    [[nodiscard]] virtual std::shared_ptr<const Backend> open(std::shared_ptr<const Model> model,
                                                              const std::vector<int>& indices,
                                                              const std::string& dtype) const = 0;
};

/// Changes with every change of what is passed between engine and module.
inline constexpr int kCudaModuleVersion = 1;

/// The one symbol of the module: looked at before anything in it is called.
struct CudaModuleEntry {
    int version;        ///< kCudaModuleVersion
    const char* build;  ///< cudaModuleBuild() of the module
    CudaModule* (*create)();
};
inline constexpr const char* kCudaModuleSymbol = "kvviz_cuda_module";

/// What engine and module must have in common beside the interface: kvviz, LibTorch, compiler.
[[nodiscard]] const char* cudaModuleBuild();

/// The module's file: $KVVIZ_CUDA_MODULE, else libkvviz_cuda.so in `programFolder` or ../lib/kvviz of it. Empty: none.
[[nodiscard]] std::filesystem::path findCudaModule(const std::filesystem::path& programFolder);

/// Opens it; it stays open until the program ends. Throws Error(device): not there, does not load (names the library
/// that is missing), made for another kvviz.
[[nodiscard]] const CudaModule& openCudaModule(const std::filesystem::path& programFolder);

} // namespace kvviz::capture
