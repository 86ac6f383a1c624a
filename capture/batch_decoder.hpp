// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Many independent streams decode together over compressed caches of their own: the weights are read once a step for
// all of them. A stream may evict as it goes.
#pragma once

#include "capture/compact_cache.hpp"
#include "capture/layer_math.hpp"
#include "core/eviction_policy.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

namespace kvviz::capture {

/// Streams have nothing in common but the weights: other prompts, lengths, caches and policies. What a stream computes
/// does not depend on the values of the others; their number decides which matrix kernels run, so logits of the same
/// stream in batches of other sizes differ by float32 rounding (with bfloat16 weights, a step of one row keeps its
/// activations in float32 and one of several rounds them).
class BatchDecoder {
public:
    explicit BatchDecoder(std::shared_ptr<const Model> model);

    /// A stream whose next token is at `position` = n, the number of prompt tokens, whatever the cache still holds of
    /// them. `policy` (null: none) is asked after each layer's attention of each token; policies of different streams
    /// are asked at the same time on many threads. Returns the stream's number; numbers are never used again. Throws
    /// Error(failure) for a cache of another shape or one that holds `position` or later ones.
    std::int64_t add(CompactCache cache, std::int64_t position, std::unique_ptr<core::EvictionPolicy> policy = nullptr);
    /// Frees its cache.
    void remove(std::int64_t stream);

    /// One token ids[i] for each of `streams` (any of those added, each once). logits: [streams, vocab] after it.
    /// Throws Error(badInput) for an id outside the vocabulary or a position beyond the model's context, and then
    /// nothing has changed; Error(failure) for a stream that is not there or is given twice. An exception of a policy
    /// leaves these streams half run: they must be removed.
    void step(std::span<const std::int64_t> streams, std::span<const std::int32_t> ids, float* logits);
    /// Teacher-forced: out[streams, ids - 1], the log-probabilities of ids[1], ids[2], ... on each of `streams`, given
    /// what it holds and the ids before. Each stream runs all ids but the last; with policies evicting as in step().
    /// Throws as step() does, and Error(badInput) without ids.
    [[nodiscard]] std::vector<double> score(std::span<const std::int64_t> streams, std::span<const std::int32_t> ids);

    [[nodiscard]] std::int64_t streams() const noexcept { return std::ssize(m_streams); }
    /// Of the next token.
    [[nodiscard]] std::int64_t position(std::int64_t stream) const { return at(stream).position; }
    /// The caller may change it between steps (methods that compress tokens when they leave a buffer).
    [[nodiscard]] CompactCache& cache(std::int64_t stream) { return at(stream).cache; }
    [[nodiscard]] const CompactCache& cache(std::int64_t stream) const { return at(stream).cache; }

private:
    struct Stream {
        CompactCache cache;
        std::int64_t promptTokens = 0; // n
        std::int64_t position = 0;     // of the next token
        std::unique_ptr<core::EvictionPolicy> policy;
        bool isWhole = true;                    // false while a token runs through the layers
        std::vector<std::vector<float>> rows{}; // [G] of [R, keys] with a policy: attention of the layer at hand
    };
    /// Rows of one call: `tokens` of each stream, one stream after the other.
    struct Batch {
        std::vector<Stream*> streams;
        std::int64_t tokens = 1;
        [[nodiscard]] std::int64_t rows() const { return std::ssize(streams) * tokens; }
    };
    [[nodiscard]] const Stream& at(std::int64_t stream) const;
    [[nodiscard]] Stream& at(std::int64_t stream);
    [[nodiscard]] Batch makeBatch(std::span<const std::int64_t> streams, std::int64_t tokens);
    void run(Batch& batch, std::span<const std::int32_t> ids, float* logits);
    void attend(int layer, const Batch& batch);
    void attendHead(int layer, int kvHead, std::int64_t firstRow, std::int64_t tokens, Stream& stream);
    void evict(int layer, Stream& stream) const;

    std::shared_ptr<const Model> m_model;
    LayerMath m_math;
    std::map<std::int64_t, Stream> m_streams;
    std::int64_t m_nextNumber = 0;
    std::vector<float> m_hidden;       // [rows, hidden] residual streams
    std::vector<float> m_query;        // [rows, H, d]
    std::vector<float> m_key, m_value; // [rows, G, d] of the new tokens
    std::vector<float> m_attended;     // [rows, H, d]
};

} // namespace kvviz::capture
