// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The statistics of a layer (core::LayerData) from whole attention rows, for rows that come from elsewhere than our
// engine, which makes them while it computes the rows.
#pragma once

#include <cstdint>
#include <vector>

namespace kvviz::core {

/// Heads are independent: different ones may be fed from different threads at the same time.
class RowStatistics {
public:
    /// n prompt tokens of `total`; the last `window` prompt queries count for receivedWindow.
    RowStatistics(std::int64_t heads, std::int64_t n, std::int64_t total, std::int64_t window, int sinks);

    /// The row of a query over keys 0 to query, each query once.
    void add(std::int64_t head, std::int64_t query, const float* row);

    // [H, T], as in core::LayerData.
    [[nodiscard]] const std::vector<float>& received() const { return m_received; }
    [[nodiscard]] const std::vector<float>& receivedWindow() const { return m_receivedWindow; }
    [[nodiscard]] const std::vector<float>& receivedSq() const { return m_receivedSq; }
    [[nodiscard]] const std::vector<float>& receivedSqFar() const { return m_receivedSqFar; }
    [[nodiscard]] const std::vector<float>& entropy() const { return m_entropy; }
    [[nodiscard]] const std::vector<float>& sinkMass() const { return m_sinkMass; }

private:
    std::int64_t m_n, m_total, m_window, m_sinks;
    std::vector<float> m_received, m_receivedWindow, m_receivedSq, m_receivedSqFar, m_entropy, m_sinkMass;
};

} // namespace kvviz::core
