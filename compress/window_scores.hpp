// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Attention that the last prompt queries pay to each key (methods.md 1.2), and SnapKV's pooled score built on it.
#pragma once

#include "compress/head_groups.hpp"
#include "compress/pooling.hpp"
#include "compress/memo.hpp"
#include "compress/top_k.hpp"

namespace kvviz::compress {

/// The observation window that a capture can serve.
struct ObservationWindow {
    std::int64_t size = 0; ///< rows used and tokens protected
    bool clamped = false;  ///< fewer rows than asked for, though the prompt is long enough
};
[[nodiscard]] ObservationWindow observationWindow(const core::LayerData& data, std::int64_t wanted);

/// Sum of the last `window` prompt rows of a query head over keys 0..keys-1. [keys]
[[nodiscard]] std::vector<double> windowScores(const core::LayerData& data, int head, std::int64_t window,
                                               std::int64_t keys);

/// The same of the squares.
[[nodiscard]] std::vector<double> windowSquares(const core::LayerData& data, int head, std::int64_t window,
                                                std::int64_t keys);

struct SnapOptions {
    std::int64_t window = 32;
    int kernel = 7;
    Pool pool = Pool::maximum;
    Reduce reduce = Reduce::mean;
    bool poolFirst = false; ///< pool each query head, then reduce the group (differs for max pooling only)
};

/// SnapKV's score of one KV head for keys before the window; `options.window` must be available. [n - window]
[[nodiscard]] std::vector<double> snapScores(const core::LayerData& data, int kvHead, const SnapOptions& options);

/// The same, sorted, shared by all who ask for it in this layer.
[[nodiscard]] std::shared_ptr<const Ranking> snapRanking(const LayerInput& input, int kvHead,
                                                         const SnapOptions& options);

} // namespace kvviz::compress
