// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Mean and covariance of each head's queries, taken chunk by chunk before the rotary embedding: what methods need that
// guess the attention of queries to come (methods.md 5.13).
#pragma once

#include <cstdint>
#include <vector>

namespace kvviz::capture {

class QueryMoments {
public:
    QueryMoments() = default;
    QueryMoments(std::int64_t heads, std::int64_t headDim);

    /// Forgets all queries.
    void reset() { m_count = 0; }
    /// `count` queries [count, H, d], `stride` floats from one to the next. Heads are shared out among threads; the
    /// result depends on neither their number nor, but for rounding, on the chunks.
    void add(const float* queries, std::int64_t count, std::int64_t stride);
    /// mean [H, d] and covariance [H, d, d], divided by the count, exactly symmetric. All 0 when there was no query.
    /// Without heads both become empty.
    void write(std::vector<float>& mean, std::vector<float>& covariance) const;

private:
    void addHead(std::int64_t head, const float* queries, std::int64_t count, std::int64_t stride);

    std::int64_t m_heads = 0, m_headDim = 0, m_count = 0;
    std::vector<float> m_shift;     // [H, d] mean of the first chunk: sums of differences from it lose no digits
    std::vector<double> m_sums;     // [H, d] of query - shift
    std::vector<double> m_products; // [H, d, d] of (query - shift)(query - shift)^T, upper triangle
};

} // namespace kvviz::capture
