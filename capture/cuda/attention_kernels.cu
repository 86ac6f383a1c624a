// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The attention kernels: one block of threads is one team of capture/cuda/attention_math.hpp, in shared memory of its own.
#include "capture/cuda/attention_kernels.hpp"
#include "capture/cuda/attention_math.hpp"

#include <cuda_runtime.h>

namespace kvviz::capture::cuda {
namespace {

__host__ __device__ std::int64_t tiles(std::int64_t count) { return (count + kTile - 1) / kTile; }

template <class Element>
__global__ void __launch_bounds__(kWorkers) columnKernel(AttentionProblem<Element> a, ColumnSums out)
{
    extern __shared__ float memory[];
    columnSums(Team{}, a, static_cast<int>(blockIdx.y), blockIdx.x, memory, out);
}

/// The last rows see most keys: they begin first.
template <class Element> __global__ void __launch_bounds__(kWorkers) rowKernel(AttentionProblem<Element> a, RowSums out)
{
    extern __shared__ float memory[];
    rowSums(Team{}, a, static_cast<int>(blockIdx.y), gridDim.x - 1 - blockIdx.x, memory, out);
}

template <class Element>
__global__ void __launch_bounds__(kWorkers) exactKernel(AttentionProblem<Element> a, RowBlock out)
{
    extern __shared__ float memory[];
    const std::int64_t keyTiles = tiles(out.rowStride);
    exactRows(Team{}, a, static_cast<int>(blockIdx.y), blockIdx.x / keyTiles, blockIdx.x % keyTiles, memory, out);
}

template <class Element>
__global__ void __launch_bounds__(kWorkers) poolKernel(AttentionProblem<Element> a, PooledCells out, std::int64_t steps)
{
    extern __shared__ float memory[];
    pooledCells(Team{}, a, static_cast<int>(blockIdx.y), steps - 1 - blockIdx.x / steps, blockIdx.x % steps, memory,
                out);
}

std::string textOf(cudaError_t error) { return error == cudaSuccess ? std::string() : cudaGetErrorString(error); }

/// Blocks of kWorkers threads with the shared memory that a head of this size takes.
template <class Element, class... Parameters, class... Arguments>
std::string start(void (*kernel)(AttentionProblem<Element>, Parameters...), const AttentionProblem<Element>& problem,
                  std::int64_t blocks, Stream stream, const Arguments&... arguments)
{
    if (problem.headDim > kMostHeadDim)
        return "heads of more than 256 channels do not fit into the kernels' shared memory";
    if (blocks > 0x7fffffff)
        return "the prompt is too long for the attention kernels";
    const auto bytes = static_cast<int>(TileSpace::floats(problem.headDim) * sizeof(float));
    if (const cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
        error != cudaSuccess)
        return textOf(error);
    const dim3 grid(static_cast<unsigned>(blocks), static_cast<unsigned>(problem.heads));
    kernel<<<grid, kWorkers, static_cast<std::size_t>(bytes), stream>>>(problem, arguments...);
    return textOf(cudaGetLastError());
}

} // namespace

template <class Element>
std::string startColumnSums(const AttentionProblem<Element>& problem, const ColumnSums& out, Stream stream)
{
    return start(&columnKernel<Element>, problem, tiles(problem.queries), stream, out);
}

template <class Element>
std::string startRowSums(const AttentionProblem<Element>& problem, const RowSums& out, Stream stream)
{
    return start(&rowKernel<Element>, problem, tiles(problem.queries), stream, out);
}

template <class Element>
std::string startExactRows(const AttentionProblem<Element>& problem, const RowBlock& out, Stream stream)
{
    return start(&exactKernel<Element>, problem, tiles(out.end - out.begin) * tiles(out.rowStride), stream, out);
}

template <class Element>
std::string startPooledCells(const AttentionProblem<Element>& problem, const PooledCells& out, Stream stream)
{
    const std::int64_t side = cellsOfTeam(out.cellSize), steps = (out.cells + side - 1) / side;
    return start(&poolKernel<Element>, problem, steps * steps, stream, out, steps);
}

#define KVVIZ_KERNELS_OF(Element)                                                                                      \
    template std::string startColumnSums(const AttentionProblem<Element>&, const ColumnSums&, Stream);                 \
    template std::string startRowSums(const AttentionProblem<Element>&, const RowSums&, Stream);                       \
    template std::string startExactRows(const AttentionProblem<Element>&, const RowBlock&, Stream);                    \
    template std::string startPooledCells(const AttentionProblem<Element>&, const PooledCells&, Stream)
KVVIZ_KERNELS_OF(float);
KVVIZ_KERNELS_OF(HalfElement);
KVVIZ_KERNELS_OF(BFloat16Element);

} // namespace kvviz::capture::cuda
