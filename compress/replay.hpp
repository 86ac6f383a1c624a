// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Replay: every (method, budget) on one capture, layer by layer, so that memory holds one layer at a time.
#pragma once

#include "compress/method.hpp"
#include "core/progress.hpp"

namespace kvviz::compress {

/// Depths of truth (design section 6).
enum class Depth : std::uint8_t { mass, output };

/// Metrics of one plan on one layer (methods.md section 2.3), over the decode queries.
struct LayerMetrics {
    std::vector<float> lostMass;    // [H, t] eps
    std::vector<float> lostNonSink; // [H, t] eps of rows renormalised over keys >= sinkTokens
    std::vector<float> outputError; // [H, t] |o - o'| / |o|; empty at depth mass
    std::vector<float> survival;    // [S] fraction of a segment's prompt tokens kept, mean over KV heads; NaN if empty
    std::int64_t deadQueries = 0;   ///< rows with no visible kept key
};

/// Pure function, thread-safe. `data` must hold decodeRows (and value at depth output).
[[nodiscard]] LayerMetrics evaluate(const LayerInput& input, const LayerPlan& plan, Depth depth, int sinkTokens);

struct ReplayRequest {
    std::vector<std::string> methods; ///< specifications, see makeMethod
    std::vector<Budget> budgets;
    Depth depth = Depth::output;
    std::uint64_t seed = 0;
    bool keepMasks = true;
};

/// One (method, budget) over the whole capture.
struct ReplayResult {
    std::string method, variant, params; ///< params as JSON
    Budget budget;
    std::int64_t budgetTokens = 0;
    std::int64_t keptTokens = 0;  ///< sum over layers and KV heads
    double actualRatio = 0;
    std::uint64_t bytes = 0;      ///< kept prompt K and V, 2 bytes an element
    std::int64_t tiesAtCut = 0;
    std::int64_t deadQueries = 0;
    std::vector<std::string> flags; ///< distinct, in order of appearance
    double seconds = 0;
    std::vector<std::uint8_t> kept;       // [L, G, n]
    std::vector<std::uint8_t> keptDecode; // [L, G, t, T] or empty
    std::vector<float> lostMass, lostNonSink, outputError; // [L, H, t]
    std::vector<float> survival;          // [L, S]
    double meanLost = 0, p95Lost = 0, maxLost = 0, meanLostNonSink = 0, meanOutputError = 0, p95OutputError = 0;
};

struct ReplayReport {
    std::vector<ReplayResult> results;  ///< methods x budgets, in request order
    std::vector<std::pair<std::string, std::string>> skipped; ///< method, reason (arrays the capture lacks)
    std::string evaluatedOn; ///< "64 decode queries" or "the last 16 of 32 window queries (no decode rows)"
};

/// Throws Error(usage) for unknown methods or bad budgets, Error(badInput) when nothing can be evaluated.
[[nodiscard]] ReplayReport replay(const core::CaptureSource& capture, const ReplayRequest& request,
                                  const core::Progress& progress = {});

} // namespace kvviz::compress
