// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Sums over columns and rows.
#include "core/row_statistics.hpp"

#include "core/capture_source.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::core {

RowStatistics::RowStatistics(std::int64_t heads, std::int64_t n, std::int64_t total, std::int64_t window, int sinks)
    : m_n(n), m_total(total), m_window(window), m_sinks(sinks)
{
    for (std::vector<float>* array :
         {&m_received, &m_receivedWindow, &m_receivedSq, &m_receivedSqFar, &m_entropy, &m_sinkMass})
        array->assign(static_cast<std::size_t>(heads * total), 0.0f);
}

void RowStatistics::add(std::int64_t head, std::int64_t query, const float* row)
{
    const std::int64_t at = head * m_total;
    double entropy = 0, sinks = 0;
    for (std::int64_t key = 0; key <= query; ++key) {
        const auto weight = static_cast<double>(row[key]);
        if (weight > 0)
            entropy -= weight * std::log(weight);
        if (key < m_sinks)
            sinks += weight;
    }
    m_entropy[static_cast<std::size_t>(at + query)] = static_cast<float>(std::max(0.0, entropy));
    m_sinkMass[static_cast<std::size_t>(at + query)] = static_cast<float>(sinks);
    if (query >= m_n) // only prompt queries count for what a key receives
        return;
    float* const received = m_received.data() + at;
    float* const squares = m_receivedSq.data() + at;
    for (std::int64_t key = 0; key <= query; ++key) {
        received[key] += row[key];
        squares[key] += row[key] * row[key];
    }
    for (std::int64_t key = 0; key + kNearQueries <= query; ++key)
        m_receivedSqFar[static_cast<std::size_t>(at + key)] += row[key] * row[key];
    if (query >= m_n - m_window)
        for (std::int64_t key = 0; key <= query; ++key)
            m_receivedWindow[static_cast<std::size_t>(at + key)] += row[key];
}

} // namespace kvviz::core
