// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Keys and values of every layer, [layer][G, capacity, d] in float32, keys after RoPE.
#pragma once

#include <cstdint>
#include <vector>

namespace kvviz::capture {

class KvCache {
public:
    KvCache(std::int64_t layers, std::int64_t kvHeads, std::int64_t capacity, std::int64_t headDim)
        : m_kvHeads(kvHeads),
          m_capacity(capacity),
          m_headDim(headDim),
          m_keys(static_cast<std::size_t>(layers),
                 std::vector<float>(static_cast<std::size_t>(kvHeads * capacity * headDim))),
          m_values(m_keys)
    {
    }
    [[nodiscard]] std::int64_t capacity() const noexcept { return m_capacity; }
    [[nodiscard]] std::int64_t headStride() const noexcept { return m_capacity * m_headDim; }
    [[nodiscard]] std::int64_t size() const noexcept { return m_size; } ///< tokens held
    void setSize(std::int64_t size) noexcept { m_size = size; }

    [[nodiscard]] float* key(std::int64_t layer, std::int64_t kvHead, std::int64_t position)
    {
        return m_keys[static_cast<std::size_t>(layer)].data() + (kvHead * m_capacity + position) * m_headDim;
    }
    [[nodiscard]] float* value(std::int64_t layer, std::int64_t kvHead, std::int64_t position)
    {
        return m_values[static_cast<std::size_t>(layer)].data() + (kvHead * m_capacity + position) * m_headDim;
    }
    [[nodiscard]] const float* key(std::int64_t layer) const { return m_keys[static_cast<std::size_t>(layer)].data(); }
    [[nodiscard]] const float* value(std::int64_t layer) const
    {
        return m_values[static_cast<std::size_t>(layer)].data();
    }

private:
    std::int64_t m_kvHeads, m_capacity, m_headDim;
    std::int64_t m_size = 0;
    std::vector<std::vector<float>> m_keys, m_values;
};

} // namespace kvviz::capture
