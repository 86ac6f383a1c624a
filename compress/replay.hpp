// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Replay: every (method, budget) on one capture, layer by layer, so that memory holds one layer at a time.
#pragma once

#include "compress/metrics.hpp"
#include "core/progress.hpp"

namespace kvviz::compress {

struct ReplayRequest {
    std::vector<std::string> methods; ///< specifications, see makeMethod
    std::vector<Budget> budgets;
    Depth depth = Depth::output;
    std::uint64_t seed = 0;
    bool keepMasks = true;
    int threads = 0; ///< 0: all; results do not depend on it
};

/// One (method, budget) over the whole capture. L, H, G, n, t as in the report.
struct ReplayResult {
    std::string method, variant, params; ///< variant: preset and overrides as given; params: all of them, as JSON
    Budget budget;
    std::int64_t budgetTokens = 0; ///< nominal tokens per layer and KV head; may be more than the prompt has
    std::int64_t keptTokens = 0;  ///< sum over layers and KV heads
    double actualRatio = 0;       ///< kept / (L G n)
    std::uint64_t bytes = 0;      ///< kept prompt K and V, 2 bytes an element
    std::int64_t tiesAtCut = 0;
    std::int64_t deadQueries = 0;
    std::vector<std::string> flags; ///< distinct, in order of appearance
    double seconds = 0;             ///< processor time of plan and evaluation
    std::vector<std::uint8_t> kept;       // [L, G, n]
    std::vector<std::uint8_t> keptDecode; // [L, G, t, T] or empty
    std::vector<float> lostMass, lostNonSink, outputError; // [L, H, t]
    std::vector<float> survival;          // [L, S]
    // Over layers, heads and decode queries; undefined rows (NaN) are left out.
    double meanLost = 0, p95Lost = 0, maxLost = 0, meanLostNonSink = 0, meanOutputError = 0, p95OutputError = 0;
};

struct ReplayReport {
    std::vector<ReplayResult> results;  ///< methods x budgets, in request order
    std::vector<std::pair<std::string, std::string>> skipped; ///< method, reason (arrays the capture lacks)
    std::string evaluatedOn; ///< "64 decode queries" or "the last 16 of 32 window queries (no decode rows)"
    std::int64_t nPrompt = 0;  ///< n of the arrays: less than the capture's when its window was split
    std::int64_t nQueries = 0; ///< t of the arrays
    double maxRowDeviation = 0; ///< largest |row sum - 1| before rows were renormalised (half-precision storage)
};

/// Throws Error(usage) for unknown methods or bad budgets, Error(badInput) when nothing can be evaluated.
[[nodiscard]] ReplayReport replay(const core::CaptureSource& capture, const ReplayRequest& request,
                                  const core::Progress& progress = {});

} // namespace kvviz::compress
