// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Attention of decode queries over one KV head's cache as a plan leaves it: some keys gone, some in compressed form
// from a step on, some turned to another position. Replay and the decode depth both compute it here.
#pragma once

#include "compress/method.hpp"
#include "core/rotary.hpp"

namespace kvviz::compress {

/// One KV head's cache. Pointers are views; null where it says so.
struct HeadView {
    std::int64_t n = 0, t = 0; ///< prompt tokens, decode queries; T = n + t
    int headDim = 0;
    core::ScoreRule rule;
    std::span<const std::int32_t> kept;     ///< visible prompt positions when there is no mask
    const std::uint8_t* mask = nullptr;     // [t, T] or null: kept and every generated key up to the query
    const float* key = nullptr;             // [T, d] captured form, after RoPE
    const float* value = nullptr;           // [T, d]
    const float* changedKey = nullptr;      // [T, d] or null
    const float* changedValue = nullptr;    // [T, d] or null
    const std::int32_t* keyFrom = nullptr;  // [T], with changedKey
    const std::int32_t* valueFrom = nullptr; // [T], with changedValue
    const std::int32_t* shift = nullptr;    // [t, T] or null
    const core::Rotary* rotary = nullptr;   ///< with shift
};

/// The view of `plan` on one KV head of a layer whose keys and values are loaded. `rotary` may be null without shift.
[[nodiscard]] HeadView headView(const core::LayerData& data, const LayerPlan& plan, int kvHead,
                                const core::Rotary* rotary);
/// Everything visible, nothing changed.
[[nodiscard]] HeadView fullView(const core::LayerData& data, int kvHead, std::span<const std::int32_t> allPrompt);

struct ViewAttention {
    std::vector<std::int32_t> columns; ///< keys some query sees, ascending
    std::vector<float> probabilities;  // [rows, columns]; 0 where the query of the row does not see the key
    std::vector<float> output;         // [rows, d]; empty if not wanted
};

/// softmax(logit(q k^T)) v, logits by the rule of the layer, of query rows [R * t, d], row r * t + s being decode step s of the group's query head r.
/// A row that sees no key has probabilities and output 0.
[[nodiscard]] ViewAttention attendView(const HeadView& view, std::span<const float> queries,
                                       bool wantOutput = true);

/// The decode queries of a KV head's group, [R * t, d], from the captured ones.
[[nodiscard]] std::vector<float> groupQueries(const core::LayerData& data, int kvHead);

} // namespace kvviz::compress
