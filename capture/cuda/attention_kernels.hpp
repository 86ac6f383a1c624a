// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Starts the attention kernels. No CUDA header here: a stream is a pointer, an error a text (empty: none). Kernels run
// on the current device; pointers are device memory, and the outputs are written before the stream goes on.
#pragma once

#include "capture/cuda/attention_problem.hpp"

#include <string>

struct CUstream_st;

namespace kvviz::capture::cuda {

using Stream = CUstream_st*;

constexpr int kMostHeadDim = 256; ///< two tiles of vectors fit into the shared memory of sm_80

template <class Element>
std::string startColumnSums(const AttentionProblem<Element>& problem, const ColumnSums& out, Stream stream);
template <class Element>
std::string startRowSums(const AttentionProblem<Element>& problem, const RowSums& out, Stream stream);
template <class Element>
std::string startExactRows(const AttentionProblem<Element>& problem, const RowBlock& out, Stream stream);
template <class Element>
std::string startPooledCells(const AttentionProblem<Element>& problem, const PooledCells& out, Stream stream);

} // namespace kvviz::capture::cuda
