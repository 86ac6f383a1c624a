// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What makes sums, exact rows and pooled cells of a layer's attention from queries, keys and log-sum-exps, without its
// rows: kernels on a GPU, the same arithmetic in loops on the CPU.
#pragma once

#include "capture/cuda/attention_problem.hpp"

#include <ATen/core/Tensor.h>

namespace kvviz::capture {

/// Queries, keys and log-sum-exps of one layer's prompt, all on one device.
struct AttentionTensors {
    at::Tensor query;     ///< [n, H, d] after RoPE; float32, bfloat16 or float16
    at::Tensor key;       ///< [G, n, d] of the same type
    at::Tensor logSumExp; ///< [H, n] float32, contiguous
    float scale = 1, softcap = 0;
    std::int64_t window = 0, windowBegin = 0, sinks = 0; ///< as in cuda::AttentionProblem
};

/// Outputs are contiguous float32 on the tensors' device and, on a GPU, ready only for what is started there later.
class AttentionReducer {
public:
    virtual ~AttentionReducer() = default;
    virtual void columnSums(const AttentionTensors& attention, const cuda::ColumnSums& out) const = 0;
    virtual void rowSums(const AttentionTensors& attention, const cuda::RowSums& out) const = 0;
    virtual void exactRows(const AttentionTensors& attention, const cuda::RowBlock& out) const = 0;
    virtual void pooledCells(const AttentionTensors& attention, const cuda::PooledCells& out) const = 0;
};

/// The view that kernels take.
template <class Element> cuda::AttentionProblem<Element> problemOf(const AttentionTensors& a)
{
    cuda::AttentionProblem<Element> problem{};
    problem.query = static_cast<const Element*>(a.query.const_data_ptr());
    problem.key = static_cast<const Element*>(a.key.const_data_ptr());
    problem.logSumExp = a.logSumExp.const_data_ptr<float>();
    problem.queries = a.query.size(0);
    problem.queryStride = a.query.stride(0);
    problem.queryHeadStride = a.query.stride(1);
    problem.keyStride = a.key.stride(1);
    problem.keyHeadStride = a.key.stride(0);
    problem.heads = static_cast<int>(a.query.size(1));
    problem.kvHeads = static_cast<int>(a.key.size(0));
    problem.headDim = static_cast<int>(a.query.size(2));
    problem.scale = a.scale;
    problem.softcap = a.softcap;
    problem.window = a.window;
    problem.windowBegin = a.windowBegin;
    problem.sinks = a.sinks;
    return problem;
}

/// Calls work(problem) with the problem of the tensors' element type.
template <class Work> void withProblem(const AttentionTensors& a, Work&& work)
{
    switch (a.query.scalar_type()) {
    case at::kHalf: return work(problemOf<cuda::HalfElement>(a));
    case at::kBFloat16: return work(problemOf<cuda::BFloat16Element>(a));
    default: return work(problemOf<float>(a));
    }
}

/// On the CPU, heads and tiles shared out among threads; results do not depend on their number.
[[nodiscard]] const AttentionReducer& hostReducer();

} // namespace kvviz::capture
