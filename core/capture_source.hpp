// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What replay and views ask of a capture, one layer at a time, so that memory stays bounded. Implemented by
// io::CaptureReader and, in tests, by made-up captures.
#pragma once

#include "core/capture_info.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kvviz::core {

/// Arrays of a layer that a consumer can ask for; combined with |.
enum class Need : unsigned {
    none = 0,
    stats = 1,      ///< received, receivedWindow, receivedSq, entropy, sinkMass
    windowRows = 2, ///< exact rows of the last W prompt queries
    decodeRows = 4, ///< exact rows of every decode step
    keys = 8,
    values = 16,
    queries = 32,
    queryStats = 64,  ///< queryMean, queryCovariance
    farSquares = 128, ///< receivedSqFar
    readout = 256     ///< readout, written
};
[[nodiscard]] constexpr Need operator|(Need a, Need b)
{
    return static_cast<Need>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
[[nodiscard]] constexpr Need without(Need set, Need part)
{
    return static_cast<Need>(static_cast<unsigned>(set) & ~static_cast<unsigned>(part));
}
[[nodiscard]] constexpr bool includes(Need set, Need part)
{
    return (static_cast<unsigned>(set) & static_cast<unsigned>(part)) == static_cast<unsigned>(part);
}
/// "stats, decode rows", for messages.
[[nodiscard]] std::string needNames(Need set);

/// Queries from a key's own position on that receivedSqFar leaves out (KV-Compress, methods.md 5.15).
inline constexpr std::int64_t kNearQueries = 10;

/// One layer of a capture in float32. Row-major; arrays not asked for are empty.
struct LayerData {
    int layer = 0; ///< number in the model
    HeadMap heads;
    std::int64_t n = 0; ///< prompt tokens
    std::int64_t t = 0; ///< decode steps; T = n + t
    std::int64_t w = 0; ///< window rows
    int headDim = 0;
    ScoreRule rule;     ///< how its queries weigh its keys

    std::vector<float> received;       // [H, T] attention a key receives, summed over all prompt queries
    std::vector<float> receivedWindow; // [H, T] the same over the last W prompt queries
    std::vector<float> receivedSq;     // [H, T] sum of squares over all prompt queries
    std::vector<float> receivedSqFar;  // [H, T] the same without the key's own and the next kNearQueries - 1 queries
    std::vector<float> entropy;        // [H, T] entropy of each query's row, in nats
    std::vector<float> sinkMass;       // [H, T] attention of each query on the first k tokens
    std::vector<float> windowRows;     // [H, W, n] query n-W+i over keys 0..n-1 (0 above the diagonal)
    std::vector<float> decodeRows;     // [H, t, T] query n+i over keys 0..n+i (0 beyond)
    std::vector<float> key;            // [G, T, d] after RoPE
    std::vector<float> value;          // [G, T, d]
    std::vector<float> query;          // [H, W+t, d] after RoPE
    std::vector<float> queryMean;      // [H, d] of the prompt queries from position sinkTokens on, before RoPE
    std::vector<float> queryCovariance; // [H, d, d] of the same, divided by their number
    std::vector<float> readout; // [H, t, c, d] gradient of each candidate's logit (ReadoutTokens) by the head's output
    std::vector<float> written; // [H, t] |Wo o| / |x|: what the head writes, x the residual stream before the layer

    [[nodiscard]] std::int64_t total() const noexcept { return n + t; }
    [[nodiscard]] const float* windowRow(int head, std::int64_t i) const
    {
        return windowRows.data() + (head * w + i) * n;
    }
    [[nodiscard]] const float* decodeRow(int head, std::int64_t i) const
    {
        return decodeRows.data() + (head * t + i) * total();
    }
};

/// The next tokens whose logits the readout of a capture follows, for every decode query.
struct ReadoutTokens {
    std::int64_t candidates = 0;     ///< c
    std::vector<std::int32_t> ids;   // [t, c] first the token that followed (-1: none), then the most likely others
    std::vector<float> logprob;      // [t, c] of the uncompressed run; NaN where the id is -1
};

class CaptureSource {
public:
    virtual ~CaptureSource() = default;
    [[nodiscard]] virtual const CaptureInfo& info() const = 0;
    /// What this capture can give (from its tier and the arrays that are really there).
    [[nodiscard]] virtual Need available() const = 0;
    /// Layer `slot` (index into info().layers). Throws Error(badInput) naming the array if it is not there.
    [[nodiscard]] virtual LayerData loadLayer(std::int64_t slot, Need needs) const = 0;
    /// Of the decode queries; none unless available() includes Need::readout.
    [[nodiscard]] virtual std::optional<ReadoutTokens> readoutTokens() const { return std::nullopt; }
    /// File name or other identity, for messages and results.
    [[nodiscard]] virtual std::string name() const = 0;
};

} // namespace kvviz::core
