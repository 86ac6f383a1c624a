// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Runs short texts through a model whose layers use the keys and values of other layers.
#pragma once

#include "capture/layer_math.hpp"
#include "core/progress.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace kvviz::capture {

/// Keys and values [sentences, tokens, G, d] of a layer as it computes them itself.
using SeenLayer = std::function<void(int layer, const float* key, const float* value, std::int64_t sentences)>;

/// Runs texts of `tokens` tokens from position 0 through a model with shared caches.
class SharedRunner {
public:
    /// Throws Error(badInput): no tokens, or more than the model's context.
    SharedRunner(std::shared_ptr<const Model> model, std::int64_t tokens);

    /// Final hidden states [sentences, tokens, hidden], output norm included, of ids [sentences, tokens]. Layer i uses
    /// the keys and values of layer source[i] <= i, which has a cache of its own. Ids and source are not checked.
    [[nodiscard]] std::vector<float> run(std::span<const std::int32_t> ids, std::span<const int> source,
                                         const SeenLayer& seen = {});
    /// The same of any number of sentences, a batch of them at a time.
    [[nodiscard]] std::vector<float> run(const std::vector<std::vector<std::int32_t>>& sentences,
                                         std::span<const int> source, const core::Progress& progress,
                                         const SeenLayer& seen = {});

private:
    void attend(int layer, const float* key, const float* value, std::int64_t sentences);
    void attendHead(int layer, int head, const float* query, const float* key, const float* value, float* out) const;

    std::shared_ptr<const Model> m_model;
    std::int64_t m_tokens;
    LayerMath m_math;
    std::vector<float> m_query, m_attended; // [sentences, tokens, H, d]
};

} // namespace kvviz::capture
