// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How the logits of a continuation answer to first order when what an attention head gives changes a little: one
// backward pass over the decode steps of a capture. With it a replay carries its output errors to log-probabilities
// and runs no model (docs/prediction.md).
#pragma once

#include "capture/attention_hook.hpp"
#include "capture/kv_cache.hpp"
#include "capture/model.hpp"
#include "core/capture_source.hpp"
#include "core/progress.hpp"

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace kvviz::capture {

/// Keeps the residual stream of positions >= `first` on its way into every layer.
class StreamRecorder final : public StreamHook {
public:
    StreamRecorder(const core::ModelInfo& model, std::int64_t first)
        : m_first(first), m_streams(static_cast<std::size_t>(model.nLayers))
    {
    }
    [[nodiscard]] bool wantsStream(int, std::int64_t, std::int64_t end) const override { return end > m_first; }
    void onLayerInput(int layer, std::int64_t begin, std::int64_t rows, const float* stream,
                      std::int64_t hidden) override;
    /// [t, hidden]
    [[nodiscard]] const std::vector<float>& into(int layer) const { return m_streams[static_cast<std::size_t>(layer)]; }

private:
    std::int64_t m_first;
    std::vector<std::vector<float>> m_streams; // [L] of [t, hidden]
};

/// One layer's part of a readout; shapes as in core::LayerData.
struct ReadoutLayer {
    int layer = 0;
    std::vector<float> gradient; // [H, t, c, d]
    std::vector<float> written;  // [H, t]
};

/// Gradients of the candidates' logits after each decode step by the outputs of all heads at the same step: through the
/// feed-forward parts, the norms, and the step's own query, key and value in the layers above. Keys and values of other
/// steps stand still, so an error does not travel from token to token. `ids`: the t continuation tokens, whose keys and
/// values `cache` holds after the prompt's. Candidates of a step: the token that followed (none after the last step)
/// and the `others` most likely ones beside it. Layers come from the last to the first. Memory: t x (others + 1) x
/// (hidden + 2 ffn) floats. Throws Error(failure) if the parts do not fit each other, Error(usage) for others < 1.
core::ReadoutTokens computeReadout(const std::shared_ptr<const Model>& model, const KvCache& cache,
                                   const StreamRecorder& streams, std::span<const std::int32_t> ids, int others,
                                   const std::function<void(const ReadoutLayer&)>& take,
                                   const core::Progress& progress = {});

} // namespace kvviz::capture
