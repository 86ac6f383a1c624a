// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How the product of a query and a key becomes a softmax logit, and which keys a query of a layer can see at all.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace kvviz::core {

/// logit = scale q.k, then cap tanh(logit / cap) where there is a cap (Gemma 2); keys before firstKey() get none.
struct ScoreRule {
    float scale = 0;         ///< 0: 1 / sqrt(head size)
    float softcap = 0;       ///< 0: none
    std::int64_t window = 0; ///< keys that a query sees, its own among them; 0: all before it

    [[nodiscard]] float scaleFor(std::int64_t headDim) const
    {
        return scale > 0 ? scale : 1.0f / std::sqrt(static_cast<float>(headDim));
    }
    /// The first key that the query at this position sees.
    [[nodiscard]] std::int64_t firstKey(std::int64_t query) const
    {
        return window > 0 ? std::max<std::int64_t>(0, query + 1 - window) : 0;
    }
    friend bool operator==(const ScoreRule&, const ScoreRule&) = default;
};

} // namespace kvviz::core
