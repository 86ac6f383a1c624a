// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Replay: every (method, budget) on one capture, layer by layer, so that memory holds one layer at a time.
#pragma once

#include "compress/metrics.hpp"
#include "core/progress.hpp"

#include <functional>
#include <optional>
#include <span>

namespace kvviz::compress {

struct ReplayResult;

struct ReplayRequest {
    std::vector<std::string> methods; ///< specifications, see makeMethod
    std::vector<Budget> budgets;
    Depth depth = Depth::output;
    std::uint64_t seed = 0;
    bool keepMasks = true;
    int threads = 0; ///< 0: all; results do not depend on it
    std::shared_ptr<const core::ModelTables> tables; ///< of the captures' model; may be null
    std::optional<int> sinkTokens; ///< of lostNonSink; nothing: as the capture has it
    /// Called after each layer, on the thread of replay(), with the arrays of the layers so far, of the first draws;
    /// counts are of these layers, too, means are not there yet. In the order of the report's results.
    std::function<void(std::int64_t layersDone, std::span<const ReplayResult* const> results)> layerDone;
};

/// One (method, budget) over the whole capture. L, H, G, n, t as in the report.
struct ReplayResult {
    std::string method, variant, params; ///< variant: preset and overrides as given; params: all of them, as JSON
    Budget budget;
    BudgetUse budgetUse = BudgetUse::follows; ///< else `budget` is what the method used by itself
    std::int64_t budgetTokens = 0; ///< nominal tokens per layer and KV head; may be more than the prompt has
    std::int64_t keptTokens = 0;  ///< sum over layers and KV heads
    double actualRatio = 0;       ///< kept / (L G n)
    double sizeRatio = 0;         ///< bytes / bytes of the whole prompt cache
    std::uint64_t bytes = 0;      ///< of the prompt's cache after prefill, 2 bytes an element where not quantized
    std::int64_t tiesAtCut = 0;
    std::int64_t deadQueries = 0;
    std::int64_t draws = 1;         ///< random methods: arrays and means are averages over these
    std::vector<std::string> flags; ///< distinct, in order of appearance
    std::map<std::string, double> facts; ///< what plans tell, mean over the layers that tell it
    double seconds = 0;             ///< processor time of plan and evaluation
    std::vector<std::uint8_t> kept;       // [L, G, n] of the first draw
    std::vector<std::uint8_t> keptDecode; // [L, G, t, T] or empty
    std::vector<float> lostMass, lostNonSink, outputError; // [L, H, t]
    std::vector<float> lostGenerated;     // [L, H, t] or empty
    std::vector<float> survival, intact;  // [L, S]
    std::vector<std::int64_t> runLengths; // [16] runs of 2^i .. 2^(i+1)-1 kept tokens, of the first draw
    std::vector<float> logprobDelta, kl;  // [t] at depth decode, else empty; NaN where the next token is not known
    std::vector<float> predictedDelta, predictedKl; // [t] of captures with a readout, else empty; last delta: NaN
    std::vector<std::uint8_t> top1;       // [t] 1: the most likely next token is that of the full cache
    // Over layers, heads and decode queries; undefined rows (NaN) are left out. NaN where they do not apply.
    double meanLost = 0, p95Lost = 0, maxLost = 0, meanLostNonSink = 0, meanOutputError = 0, p95OutputError = 0;
    double stdLost = 0;          ///< standard deviation of meanLost over draws; NaN for one draw
    double meanLostGenerated = 0; ///< part of meanLost on generated keys
    double meanConcatError = 0;  ///< |o - o'| / |o| with all heads of a layer in one vector, mean over layers, queries
    double meanBlockError = 0;   ///< Frobenius norms over all heads and queries of a layer, mean over layers
    double adjacentJaccard = 0;  ///< of kept sets between neighbouring captured layers, mean over KV heads
    double meanRun = 0;          ///< kept tokens a run
    double keyError = 0, valueError = 0, keyCosine = 1, valueCosine = 1; ///< of changed caches, mean over layers
    double meanPredictedDelta = 0, meanPredictedKl = 0; ///< of captures with a readout, from depth output on
    double meanLogprobDelta = 0, meanKl = 0, top1Agreement = 0; ///< at depth decode
};

struct ReplayReport {
    std::vector<ReplayResult> results;  ///< methods x budgets, in request order; one a method that does not follow them
    std::vector<std::pair<std::string, std::string>> skipped; ///< method, reason
    std::string evaluatedOn; ///< "64 decode queries" or "the last 16 of 32 window queries (no decode rows)"
    std::int64_t nPrompt = 0;  ///< n of the arrays: less than the capture's when its window was split
    std::int64_t nQueries = 0; ///< t of the arrays
    double maxRowDeviation = 0; ///< largest |row sum - 1| before rows were renormalised (half-precision storage)
};

/// Sees every plan of a layer before the next layer is read: the engine's depth decode carries each of them on.
class PlanObserver {
public:
    virtual ~PlanObserver() = default;
    /// Before the first layer; `plans` of each layer will come in this order, one a result (the first draw of it).
    virtual void start(std::int64_t plans) = 0;
    virtual void onLayer(const core::LayerData& data, std::span<const LayerPlan* const> plans) = 0;
    /// After the last layer, in the order of the plans; fills logprobDelta, kl and top1.
    virtual void finish(std::int64_t plan, ReplayResult& result) = 0;
};

/// Throws Error(usage) for unknown methods or bad budgets, Error(badInput) when nothing can be evaluated.
[[nodiscard]] ReplayReport replay(const core::CaptureSource& capture, const ReplayRequest& request,
                                  const core::Progress& progress = {}, PlanObserver* observer = nullptr);

} // namespace kvviz::compress
