// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a plan loses on one layer (methods.md 2.2 and 2.3), exact for that layer with the captured queries: errors that
// earlier layers or earlier decode steps would add are not in these numbers.
#pragma once

#include "compress/method.hpp"
#include "core/rotary.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace kvviz::compress {

/// Depths of truth: attention mass, the attention output with the captured values, or the model run again over the
/// compressed cache for the continuation (the engine adds that to what depth output gives).
enum class Depth : std::uint8_t { mass, output, decode };
[[nodiscard]] std::string_view depthName(Depth depth);
[[nodiscard]] std::optional<Depth> depthFromName(std::string_view name);
/// What numbers of this depth assume, in one sentence for readers of the number.
[[nodiscard]] std::string_view depthAssumption(Depth depth);

/// Metrics of one plan on one layer over the decode queries. Where a plan changes keys or values, "lost" is how much
/// attention moves (total variation against the unchanged attention, which for evictions is the lost mass).
struct LayerMetrics {
    std::vector<float> lostMass;    // [H, t] eps, exactly 0 when nothing visible was dropped or changed
    std::vector<float> lostNonSink; // [H, t] eps of rows renormalised over keys >= sinkTokens; 0 if they have no mass
    std::vector<float> lostGenerated; // [H, t] part of eps on generated keys; empty unless the plan evicts at steps
    std::vector<float> outputError; // [H, t] |o - o'| / |o|, NaN for dead queries; empty at depth mass
    std::vector<float> errorSq, normSq; // [H, t] |o - o'|^2 (NaN for dead queries) and |o|^2; empty at depth mass
    std::vector<float> logitChange; // [H, t, c] gradient . (o' - o) of captures with a readout, o' = 0 for dead queries
    std::vector<float> survival;    // [S] fraction of a segment's prompt tokens kept, mean over KV heads; NaN if empty
    std::vector<float> intact;      // [S] fraction of KV heads that keep all of a segment's prompt tokens; NaN if empty
    std::int64_t deadQueries = 0;   ///< rows with no mass on visible kept keys
};

/// The uncompressed attention computed from the captured queries and keys, as changed plans are: their difference is
/// then free of the rounding of stored rows, and no change is exactly 0.
struct Recomputed {
    std::vector<float> probabilities; // [H, t, T]
    std::vector<float> output;        // [H, t, d]
    std::vector<double> mass, nonSink; // [H, t] sums of probabilities; nonSink: over keys >= sinkTokens
};

/// What all plans of a layer share: the uncompressed rows. Make it once to evaluate many plans.
struct LayerReference {
    int sinkTokens = 0;
    Depth depth = Depth::mass;
    std::vector<double> mass, nonSink;            // [H, t] of the whole row
    std::vector<double> generatedMass, generatedNonSink; // [H, t] on generated keys
    std::vector<float> output, generatedOutput;   // [H, t, d] sum of attention times value, not divided by mass
    std::optional<Recomputed> recomputed;         ///< made when some plan changes keys or values
    std::optional<core::Rotary> rotary;           ///< likewise, when some plan moves positions
};

/// Throws Error(badInput) if decodeRows (and value at depth output) are not loaded. threads 0: all.
[[nodiscard]] LayerReference makeReference(const core::LayerData& data, Depth depth, int sinkTokens, int threads = 1);

/// Adds what changed plans need. Throws Error(badInput) if keys, values or queries are not loaded. `model` may be null
/// when no plan moves positions.
void addRecomputed(LayerReference& reference, const core::LayerData& data, const core::ModelInfo* model,
                   int threads = 1);

/// Pure function, thread-safe.
[[nodiscard]] LayerMetrics evaluate(const LayerInput& input, const LayerPlan& plan, const LayerReference& reference);
/// The same for a single plan. `data` must hold decodeRows (and value at depth output).
[[nodiscard]] LayerMetrics evaluate(const LayerInput& input, const LayerPlan& plan, Depth depth, int sinkTokens);

/// One KV head of evaluate(), for callers that spread heads over threads: writes the head's rows of arrays that
/// makeMetrics() sized, and returns its dead queries.
[[nodiscard]] LayerMetrics makeMetrics(const core::LayerData& data, const LayerPlan& plan, Depth depth);
std::int64_t evaluateHead(const core::LayerData& data, const LayerPlan& plan, const LayerReference& reference,
                          int kvHead, LayerMetrics& metrics);
[[nodiscard]] std::vector<float> segmentSurvival(const std::vector<core::Segment>& segments, const LayerPlan& plan,
                                                 std::int64_t n);
[[nodiscard]] std::vector<float> segmentIntact(const std::vector<core::Segment>& segments, const LayerPlan& plan,
                                               std::int64_t n);

} // namespace kvviz::compress
