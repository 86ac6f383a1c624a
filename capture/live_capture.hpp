// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A prompt read by a model and held in memory as a capture without a file: one prefill serves every method and budget.
#pragma once

#include "capture/kv_cache.hpp"
#include "capture/recorders.hpp"
#include "capture/session.hpp"
#include "core/capture_source.hpp"
#include "core/progress.hpp"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace kvviz::capture {

/// What a capture file of tier `cache` without a continuation holds, in float32 whatever its storage types would be.
/// May be read from many threads.
class LiveCapture final : public core::CaptureSource {
public:
    /// Runs the prompt. Of `settings`, window, sinkTokens, layers, heads, seed, creator, created and commandLine count;
    /// tier and continuation are those said above. Throws Error(badInput) as the decoder does, and when `progress` is
    /// stopped.
    LiveCapture(std::shared_ptr<const Model> model, const Tokenizer& tokenizer, const PromptSource& source,
                const TokenizedPrompt& prompt, CaptureSettings settings, const core::Progress& progress = {});

    [[nodiscard]] const core::CaptureInfo& info() const override { return m_info; }
    [[nodiscard]] core::Need available() const override;
    [[nodiscard]] core::LayerData loadLayer(std::int64_t slot, core::Need needs) const override;
    /// The prompt's id.
    [[nodiscard]] std::string name() const override { return m_info.prompt.id; }

    /// After the last prompt token, [vocab]: the first token of a continuation, the same for every method that acts at
    /// the end of the prefill.
    [[nodiscard]] std::span<const float> logits() const { return m_logits; }
    /// Keys and values of all layers and KV heads; keys of KV head g of a layer at key(layer) + g * headStride().
    [[nodiscard]] const KvCache& cache() const { return m_cache; }

private:
    core::CaptureInfo m_info;
    LayerRecorder m_recorder;
    KvCache m_cache;
    std::vector<float> m_logits; // [vocab]
};

} // namespace kvviz::capture
