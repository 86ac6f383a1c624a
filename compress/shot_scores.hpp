// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// ShotKV's accumulated attention of each prompt token (alpha of Eq. 3), in every reading of which queries accumulate.
#pragma once

#include "compress/method.hpp"

namespace kvviz::compress {

/// Window rows whose attention is accumulated.
struct QueryRows {
    std::int64_t begin = 0, end = 0;
    bool clamped = false;    ///< the capture holds only some of them
    bool noQuestion = false; ///< the capture marks no question, or holds none of its rows: the last `window` instead
};

/// Summed over all query heads of the layer.
struct ShotTokenScores {
    std::vector<double> scores; // [n]
    QueryRows rows;             ///< of acc=window and acc=question, else empty
};

class ShotScoreRule {
public:
    /// Reads `acc` (all, window, seen_mean, question) and `window`.
    explicit ShotScoreRule(const Params& params);
    /// From window rows, not from statistics.
    [[nodiscard]] bool fromRows() const { return m_acc == "window" || m_acc == "question"; }
    /// Shared by all who ask for it in this layer.
    [[nodiscard]] std::shared_ptr<const ShotTokenScores> operator()(const LayerInput& input) const;

private:
    [[nodiscard]] ShotTokenScores compute(const core::LayerData& data,
                                          const std::vector<core::Segment>& segments) const;

    std::string m_acc;
    std::int64_t m_window;
};

} // namespace kvviz::compress
