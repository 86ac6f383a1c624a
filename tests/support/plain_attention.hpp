// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A continuation's attention over stored prompt keys and values, in double and query by query: what the attention over
// any compressed cache is compared with.
#pragma once

#include "capture/continuation.hpp"
#include "capture/kv_cache.hpp"

#include <cmath>
#include <functional>

namespace kvviz::test {

class PlainAttention final : public capture::ContinuationAttention {
public:
    /// Is prompt key `key` of this layer and KV head kept? Empty: all are.
    using Kept = std::function<bool(int layer, int kvHead, std::int64_t key)>;

    /// The first `prompt` tokens of `cache`, which is kept by reference; `tokens`: t of the continuation.
    PlainAttention(const core::ModelInfo& model, const capture::KvCache& cache, std::int64_t prompt,
                   std::int64_t tokens, Kept kept = {})
        : m_cache(cache),
          m_prompt(prompt),
          m_tokens(tokens),
          m_queryHeads(model.nHeads),
          m_kvHeads(model.nKvHeads),
          m_d(model.headDim),
          m_kept(std::move(kept))
    {
    }

    void attend(int layer, const float* query, const float* key, const float* value, float* out) const override
    {
        for (std::int64_t i = 0; i < m_tokens; ++i)
            for (int h = 0; h < m_queryHeads; ++h) {
                const std::int64_t at = (i * m_queryHeads + h) * m_d;
                attendOne(layer, h / (m_queryHeads / m_kvHeads), i, query + at, key, value, out + at);
            }
    }

private:
    void attendOne(int layer, int g, std::int64_t i, const float* query, const float* key, const float* value,
                   float* out) const
    {
        std::vector<double> sum(static_cast<std::size_t>(m_d));
        double total = 0;
        const auto see = [&](const float* keyRow, const float* valueRow) {
            double score = 0;
            for (std::int64_t c = 0; c < m_d; ++c)
                score += static_cast<double>(query[c]) * keyRow[c];
            const double weight = std::exp(score / std::sqrt(static_cast<double>(m_d)));
            total += weight;
            for (std::int64_t c = 0; c < m_d; ++c)
                sum[static_cast<std::size_t>(c)] += weight * valueRow[c];
        };
        for (std::int64_t j = 0; j < m_prompt; ++j)
            if (!m_kept || m_kept(layer, g, j)) {
                const std::int64_t row = g * m_cache.headStride() + j * m_d;
                see(m_cache.key(layer) + row, m_cache.value(layer) + row);
            }
        for (std::int64_t j = 0; j <= i; ++j)
            see(key + (j * m_kvHeads + g) * m_d, value + (j * m_kvHeads + g) * m_d);
        for (std::int64_t c = 0; c < m_d; ++c)
            out[c] = static_cast<float>(sum[static_cast<std::size_t>(c)] / total);
    }

    const capture::KvCache& m_cache;
    std::int64_t m_prompt, m_tokens;
    int m_queryHeads, m_kvHeads;
    std::int64_t m_d;
    Kept m_kept;
};

} // namespace kvviz::test
