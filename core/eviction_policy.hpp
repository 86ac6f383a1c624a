// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Eviction while a model generates: the one thing that compression methods and the running model know of each other.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kvviz::core {

/// One decode step of one layer after its attention.
struct StepAttention {
    int layer = 0;
    std::int64_t step = 0; ///< generated tokens before this one: its position is n + step
    /// Positions of the keys still there, per KV head, ascending; the query's own is the last. [G]
    std::span<const std::span<const std::int32_t>> live;
    /// Attention of each query head over the live keys of its KV head; each sums to 1. [H]
    std::span<const std::span<const float>> rows;
};

/// Keeps its own state per layer and KV head; one instance a stream.
class EvictionPolicy {
public:
    virtual ~EvictionPolicy() = default;
    /// For each KV head the places in its live list, ascending, whose keys stay for the next step. Keys left out are
    /// gone for good.
    [[nodiscard]] virtual std::vector<std::vector<std::int32_t>> stay(const StepAttention& attention) = 0;
};

} // namespace kvviz::core
