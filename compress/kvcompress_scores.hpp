// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// KV-Compress (methods.md 5.15) before any budget: the metric of each token, and what evicting each block would cost.
#pragma once

#include "compress/method.hpp"
#include "compress/top_k.hpp"

#include <algorithm>

namespace kvviz::compress {

class KvCompressScores {
public:
    /// Reads metric, power, kernel, window, sinks, protect, block; throws Error(usage).
    explicit KvCompressScores(const Params& params);
    [[nodiscard]] core::Need needs() const { return m_full ? core::Need::farSquares : core::Need::windowRows; }
    [[nodiscard]] bool clamped(const core::LayerData& data) const;

    /// For what does not depend on blocks.
    [[nodiscard]] std::string key() const;
    [[nodiscard]] std::int64_t block() const { return m_block; }
    [[nodiscard]] std::int64_t sinks(std::int64_t n) const { return std::min(m_sinks, n); }
    [[nodiscard]] std::int64_t safeTokens(std::int64_t n) const { return std::min(n, m_sinks + m_protect); }

    /// The tokens between sinks and protected window, numbered from the first of them, by their metric.
    [[nodiscard]] std::shared_ptr<const Ranking> evictable(const LayerInput& input, int kvHead) const;

    /// What evicting each group of `block` tokens of a head would cost, best (last to go) first. Groups are cut from
    /// the worst token on; the first one brings the head's length to a multiple of the block.
    [[nodiscard]] std::vector<double> groupCosts(const LayerInput& input, int kvHead) const;
    /// Tokens of a head's first `groups` groups to go.
    [[nodiscard]] std::int64_t groupTokens(std::int64_t n, std::int64_t groups) const;

private:
    /// M[g,j]. [n]
    [[nodiscard]] std::vector<double> metric(const core::LayerData& data, int kvHead) const;
    [[nodiscard]] std::vector<double> windowMetric(const core::LayerData& data, int head) const;
    [[nodiscard]] std::int64_t firstGroup(std::int64_t n) const { return n % m_block > 0 ? n % m_block : m_block; }

    bool m_full, m_squares;
    int m_kernel;
    std::int64_t m_window, m_sinks, m_protect, m_block;
};

} // namespace kvviz::compress
