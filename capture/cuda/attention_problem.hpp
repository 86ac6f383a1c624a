// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the attention kernels are given and what they fill: plain structs of pointers, for device and host code alike.
#pragma once

#include <cstdint>

// nvcc compiles this as C++17; our own conversions are C++20.
#ifdef __CUDACC__
#include <cuda_fp16.h>
#define KVVIZ_HD __host__ __device__
#else
#include "core/half.hpp"
#define KVVIZ_HD
#endif

namespace kvviz::capture::cuda {

/// Elements of queries and keys.
struct HalfElement {
    std::uint16_t bits;
};
struct BFloat16Element {
    std::uint16_t bits;
};

KVVIZ_HD inline float toFloat(float value) { return value; }
KVVIZ_HD inline float toFloat(HalfElement value)
{
#ifdef __CUDACC__
    return __half2float(__half_raw{value.bits});
#else
    return core::halfToFloat(value.bits);
#endif
}
KVVIZ_HD inline float toFloat(BFloat16Element value)
{
#ifdef __CUDACC__
    const std::uint32_t bits = static_cast<std::uint32_t>(value.bits) << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
#else
    return core::bfloat16ToFloat(value.bits);
#endif
}

/// One layer's prompt: as many keys as queries, at the same positions.
template <class Element> struct AttentionProblem {
    const Element* query; ///< (i, h, c) at i * queryStride + h * queryHeadStride + c, after RoPE
    const Element* key;   ///< (g, j, c) at g * keyHeadStride + j * keyStride + c, after RoPE
    const float* logSumExp; ///< [H, n] of each row's logits, natural logarithm
    std::int64_t queries;   ///< n
    std::int64_t queryStride, queryHeadStride, keyStride, keyHeadStride;
    int heads, kvHeads, headDim;
    float scale;
    float softcap;            ///< 0: none
    std::int64_t window;      ///< keys that a query sees, its own among them; 0: all before it
    std::int64_t windowBegin; ///< queries from here on count into receivedWindow
    std::int64_t sinks;       ///< first keys that count as sinks
};

/// As in AttentionStatistics, each [H, n].
struct ColumnSums {
    float *received, *receivedWindow, *receivedSq, *receivedSqFar;
};

/// Each [H, n].
struct RowSums {
    float *entropy, *sinkMass, *mass;
};

/// Rows of queries [begin, end): (h, i, k) at h * headStride + i * rowStride + k, 0 where a query does not see a key.
struct RowBlock {
    float* values;
    std::int64_t begin, end, headStride, rowStride;
};

/// Square cells of `cellSize` tokens a side, [H, cells, cells]; what is above the diagonal is left alone.
struct PooledCells {
    float *max, *sum;
    std::int64_t cellSize, cells;
};

} // namespace kvviz::capture::cuda
