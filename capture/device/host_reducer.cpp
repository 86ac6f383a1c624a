// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The kernels' arithmetic as loops: each (head, tile) is a team of one.
#include "capture/device/attention_reducer.hpp"

#include "capture/cuda/attention_math.hpp"
#include "core/capture_source.hpp"
#include "core/parallel.hpp"

#include <vector>

namespace kvviz::capture {
namespace {

static_assert(cuda::kNear == core::kNearQueries);

std::int64_t tiles(std::int64_t count) { return (count + cuda::kTile - 1) / cuda::kTile; }

/// body(head, block, memory) for every head and block.
template <class Body> void forBlocks(int heads, int headDim, std::int64_t blocks, const Body& body)
{
    core::parallelFor(heads * blocks, [&](std::int64_t i) {
        thread_local std::vector<float> memory;
        memory.resize(static_cast<std::size_t>(cuda::TileSpace::floats(headDim)));
        body(static_cast<int>(i / blocks), i % blocks, memory.data());
    });
}

class HostReducer final : public AttentionReducer {
public:
    void columnSums(const AttentionTensors& attention, const cuda::ColumnSums& out) const override
    {
        withProblem(attention, [&](const auto& a) {
            forBlocks(a.heads, a.headDim, tiles(a.queries), [&](int head, std::int64_t tile, float* memory) {
                cuda::columnSums(cuda::Team{}, a, head, tile, memory, out);
            });
        });
    }
    void rowSums(const AttentionTensors& attention, const cuda::RowSums& out) const override
    {
        withProblem(attention, [&](const auto& a) {
            forBlocks(a.heads, a.headDim, tiles(a.queries), [&](int head, std::int64_t tile, float* memory) {
                cuda::rowSums(cuda::Team{}, a, head, tile, memory, out);
            });
        });
    }
    void exactRows(const AttentionTensors& attention, const cuda::RowBlock& out) const override
    {
        const std::int64_t keyTiles = tiles(out.rowStride), rowTiles = tiles(out.end - out.begin);
        withProblem(attention, [&](const auto& a) {
            forBlocks(a.heads, a.headDim, rowTiles * keyTiles, [&](int head, std::int64_t block, float* memory) {
                cuda::exactRows(cuda::Team{}, a, head, block / keyTiles, block % keyTiles, memory, out);
            });
        });
    }
    void pooledCells(const AttentionTensors& attention, const cuda::PooledCells& out) const override
    {
        const std::int64_t side = cuda::cellsOfTeam(out.cellSize), steps = (out.cells + side - 1) / side;
        withProblem(attention, [&](const auto& a) {
            forBlocks(a.heads, a.headDim, steps * steps, [&](int head, std::int64_t block, float* memory) {
                cuda::pooledCells(cuda::Team{}, a, head, block / steps, block % steps, memory, out);
            });
        });
    }
};

} // namespace

const AttentionReducer& hostReducer()
{
    static const HostReducer reducer;
    return reducer;
}

} // namespace kvviz::capture
