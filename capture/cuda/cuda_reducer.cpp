// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "capture/cuda/cuda_reducer.hpp"

#include "capture/cuda/attention_kernels.hpp"
#include "core/error.hpp"

#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

namespace kvviz::capture {
namespace {

void check(const std::string& problem)
{
    if (!problem.empty())
        throw core::Error(core::ErrorCode::device, "an attention kernel did not start: " + problem);
}

/// Calls start(problem, stream) on the device of the tensors.
template <class Start> void onDevice(const AttentionTensors& attention, const Start& start)
{
    const c10::cuda::CUDAGuard guard(attention.query.device());
    const cuda::Stream stream = c10::cuda::getCurrentCUDAStream(attention.query.device().index()).stream();
    withProblem(attention, [&](const auto& problem) { check(start(problem, stream)); });
}

class CudaReducer final : public AttentionReducer {
public:
    void columnSums(const AttentionTensors& attention, const cuda::ColumnSums& out) const override
    {
        onDevice(attention, [&](const auto& a, cuda::Stream stream) { return cuda::startColumnSums(a, out, stream); });
    }
    void rowSums(const AttentionTensors& attention, const cuda::RowSums& out) const override
    {
        onDevice(attention, [&](const auto& a, cuda::Stream stream) { return cuda::startRowSums(a, out, stream); });
    }
    void exactRows(const AttentionTensors& attention, const cuda::RowBlock& out) const override
    {
        onDevice(attention, [&](const auto& a, cuda::Stream stream) { return cuda::startExactRows(a, out, stream); });
    }
    void pooledCells(const AttentionTensors& attention, const cuda::PooledCells& out) const override
    {
        onDevice(attention, [&](const auto& a, cuda::Stream stream) { return cuda::startPooledCells(a, out, stream); });
    }
};

} // namespace

const AttentionReducer& cudaReducer()
{
    static const CudaReducer reducer;
    return reducer;
}

} // namespace kvviz::capture
