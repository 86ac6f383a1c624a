// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Shows hooks what a device computed, as the decoder of the CPU shows it: the same calls in the same order, a little
// later. Computes what hooks want and nothing else.
#pragma once

#include "capture/device/attention_reducer.hpp"
#include "capture/device/device_attention.hpp"
#include "capture/device/device_moments.hpp"
#include "capture/device/host_feed.hpp"
#include "capture/runner.hpp"

namespace kvviz::capture {

/// The hooks of a runner, in the order in which they were added.
struct RunnerHooks {
    const std::vector<AttentionHook*>& attention;
    const std::vector<LogitsHook*>& logits;
    const std::vector<StreamHook*>& stream;
};

class HookFeed {
public:
    HookFeed(const core::ModelInfo& info, const DecoderOptions& options, const AttentionReducer& reducer,
             const RunnerHooks& hooks);

    /// Of a layer's prompt, in this order. Tensors must not change afterwards.
    void promptRows(int layer, const AttentionTensors& attention);
    void stream(int layer, std::int64_t begin, const at::Tensor& stream);
    void promptLayer(int layer, const AttentionTensors& attention, const at::Tensor& value, const DeviceMoments& moments);

    /// Of a layer's decode step: query [H, d], key and value [G, keys, d].
    void stepRows(int layer, const StepAttention& attention);
    void stepLayer(int layer, const StepAttention& attention, const at::Tensor& query, const at::Tensor& key,
                   const at::Tensor& value);

    /// [rows, vocab] of positions from `begin` on; the last row is kept.
    void logits(std::int64_t begin, const at::Tensor& logits);
    /// Of the last position, [vocab]; complete after flush().
    [[nodiscard]] std::span<const float> lastLogits() const { return m_lastLogits; }

    /// Waits until every hook has been called.
    void flush() { m_feed.flush(); }

private:
    struct RowWish {
        AttentionHook* hook;
        std::int64_t begin; ///< the first row of the block that it wants
    };
    [[nodiscard]] std::vector<RowWish> wishesFor(int layer, std::int64_t begin, std::int64_t end) const;
    void sendRows(int layer, const AttentionTensors& attention, std::vector<RowWish> wishes, std::int64_t end);
    void sendPooled(int layer, const AttentionTensors& attention, AttentionHook* hook, std::int64_t cell);
    [[nodiscard]] LayerNeeds needsOf(int layer, Phase phase, std::int64_t queries) const;
    void showLayer(const LayerState& state);
    void sizeStatistics();
    void keepPromptSums(const at::Tensor& columns, const at::Tensor& rows, int layer);

    const core::ModelInfo& m_info;
    DecoderOptions m_options;
    const AttentionReducer& m_reducer;
    RunnerHooks m_hooks;
    AttentionStatistics m_statistics;
    std::vector<float> m_lastLogits;
    HostFeed m_feed; // last: it still holds calls into the others when they go
};

} // namespace kvviz::capture
