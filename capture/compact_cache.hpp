// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A compressed cache as a running model holds it: only the keys and values that were kept, another number of them in
// each layer and KV head. What is dropped is freed, not masked.
#pragma once

#include "capture/kv_cache.hpp"
#include "core/capture_info.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace kvviz::capture {

/// Keys and values in float32, keys after RoPE at their true positions. A "place" is an index into what one KV head of
/// one layer holds. Calls for different layers or KV heads may run at the same time.
class CompactCache {
public:
    CompactCache(std::int64_t layers, std::int64_t kvHeads, std::int64_t headDim);
    /// Everything that a decoder's cache holds.
    [[nodiscard]] static CompactCache whole(const core::ModelInfo& model, const KvCache& cache);

    [[nodiscard]] std::int64_t layers() const noexcept { return m_layers; }
    [[nodiscard]] std::int64_t kvHeads() const noexcept { return m_kvHeads; }
    [[nodiscard]] std::int64_t headDim() const noexcept { return m_headDim; }

    /// Replaces what a KV head holds by rows `positions` (ascending) of key and value [T, d]. Throws Error(failure) for
    /// positions that are not ascending.
    void load(std::int64_t layer, std::int64_t kvHead, const float* key, const float* value,
              std::span<const std::int32_t> positions);
    /// One more key [d] and value [d], behind the others. Throws Error(failure) unless its position is the largest.
    void append(std::int64_t layer, std::int64_t kvHead, std::int32_t position, const float* key, const float* value);
    /// Keeps these places (ascending) and frees the memory of the others: no more than a quarter of what is in use, and
    /// a few rows, stays allocated beside it. Throws Error(failure) for places that are not ascending or not there.
    void keep(std::int64_t layer, std::int64_t kvHead, std::span<const std::int32_t> places);
    /// Overwrites the key [d] and the value [d] of a place; null: stays as it is. Throws Error(failure) for a place
    /// that is not there.
    void replace(std::int64_t layer, std::int64_t kvHead, std::int64_t place, const float* key, const float* value);

    [[nodiscard]] std::int64_t size(std::int64_t layer, std::int64_t kvHead) const;
    /// Rows [size, d]; valid until the KV head is changed, as are its positions (ascending).
    [[nodiscard]] const float* key(std::int64_t layer, std::int64_t kvHead) const;
    [[nodiscard]] const float* value(std::int64_t layer, std::int64_t kvHead) const;
    [[nodiscard]] std::span<const std::int32_t> positions(std::int64_t layer, std::int64_t kvHead) const;

    /// Bytes of memory held by keys and values, reserves included: what this float32 implementation really takes.
    [[nodiscard]] std::int64_t bytes() const;
    /// The kept keys and values at 2 bytes an element, as methods and papers count.
    [[nodiscard]] std::int64_t nominalBytes() const;

private:
    struct Head {
        std::vector<float> key, value; // [size, d]
        std::vector<std::int32_t> positions;
    };
    void reserve(Head& head, std::int64_t rows) const;
    [[nodiscard]] std::size_t index(std::int64_t layer, std::int64_t kvHead) const;
    [[nodiscard]] Head& at(std::int64_t layer, std::int64_t kvHead) { return m_heads[index(layer, kvHead)]; }
    [[nodiscard]] const Head& at(std::int64_t layer, std::int64_t kvHead) const
    {
        return m_heads[index(layer, kvHead)];
    }

    std::int64_t m_layers, m_kvHeads, m_headDim;
    std::vector<Head> m_heads; // [L, G]
};

} // namespace kvviz::capture
