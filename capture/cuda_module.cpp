// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// dlopen, and a sentence for each way in which it fails.
#include "capture/cuda_module.hpp"

#include "core/error.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

namespace kvviz::capture {
namespace {

namespace fs = std::filesystem;
constexpr const char* kFile = "libkvviz_cuda.so";

[[noreturn]] void fail(const std::string& what)
{
    throw core::Error(core::ErrorCode::device, what + "; or run on the CPU: --device cpu");
}

bool hasDriver()
{
    void* const driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (driver != nullptr)
        dlclose(driver);
    return driver != nullptr;
}

/// `why`: of dlopen. Where a library is missing and there is no driver either, this is no machine for GPUs, and it would
/// not help to install that library.
[[noreturn]] void failToLoad(const std::string& why)
{
    if (why.find("cannot open shared object file") != std::string::npos && !hasDriver())
        fail("this machine has no CUDA driver (libcuda.so.1 is not found), so there is no NVIDIA GPU to run on");
    fail(fmt::format("the GPU part of kvviz does not load: {}. It needs LibTorch's CUDA libraries and NVIDIA's (docs/gpu.md "
                     "says which, and how LD_LIBRARY_PATH names their folders)", why));
}

const CudaModule* open(const fs::path& file)
{
    void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
        failToLoad(dlerror());
    const auto* const entry = static_cast<const CudaModuleEntry*>(dlsym(library, kCudaModuleSymbol));
    if (entry == nullptr)
        fail(fmt::format("'{}' is no GPU part of kvviz: it has no symbol '{}'", file.string(), kCudaModuleSymbol));
    if (entry->version != kCudaModuleVersion || std::string_view(entry->build) != cudaModuleBuild())
        fail(fmt::format("'{}' belongs to another kvviz ({}, interface {}; this one is {}, interface {}); build both "
                         "together", file.string(), entry->build, entry->version, cudaModuleBuild(), kCudaModuleVersion));
    return entry->create();
}

} // namespace

const char* cudaModuleBuild() { return KVVIZ_CUDA_BUILD; }

fs::path findCudaModule(const fs::path& programFolder)
{
    std::error_code error;
    if (const char* const given = std::getenv("KVVIZ_CUDA_MODULE"); given != nullptr && *given != '\0')
        return given;
    for (const fs::path& folder : {programFolder, programFolder.parent_path() / "lib/kvviz"})
        if (fs::is_regular_file(folder / kFile, error))
            return folder / kFile;
    return {};
}

const CudaModule& openCudaModule(const fs::path& programFolder)
{
    static const CudaModule* const module = [&] {
        const fs::path file = findCudaModule(programFolder);
        if (file.empty())
            fail(fmt::format("this kvviz was built without its GPU part ({} is not beside kvviz-engine); build it where "
                             "nvcc is found, with -DKVVIZ_CUDA=ON", kFile));
        return open(file);
    }();
    return *module;
}

} // namespace kvviz::capture
