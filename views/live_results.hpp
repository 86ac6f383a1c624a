// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What LiveReplay tells: values that never change once they are told, so that threads and views share them.
#pragma once

#include "compress/layer_session.hpp"
#include "core/io/capture_reader.hpp"

#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace kvviz::views {

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// What one method at one budget does to one layer of a capture; immutable once told.
struct LiveLayer {
    std::shared_ptr<const io::CaptureReader> reader; ///< of the capture it was computed on
    int capture = 0;      ///< index into the open captures
    std::int64_t slot = 0; ///< of the layer
    std::string method;   ///< specification
    compress::Budget budget;
    compress::BudgetUse budgetUse = compress::BudgetUse::follows; ///< else the budget changes nothing
    compress::Depth depth = compress::Depth::mass; ///< output when the capture holds values, else mass
    bool coarse = false;  ///< output errors are still to come, and all draws but the first of a random method
    bool oneDraw = false; ///< coarse, and the masses are those of the first draw
    compress::LayerPlan plan;
    compress::LayerMetrics metrics;
    compress::LayerSummary summary;
    std::int64_t n = 0, t = 0;    ///< of the arrays: a capture without decode rows is judged on the end of its window
    std::string evaluatedOn;      ///< as compress::ReplayReport says it
    double keptRatio = 0;         ///< kept / (G n)
    double seconds = 0;           ///< of the computation
};

/// One line of the method table: a method at the selected budget on the selected layer.
struct LiveRow {
    std::string method, title;    ///< specification; name for people
    std::string obstacle;         ///< why it cannot be shown, as half a sentence; else empty and the numbers hold
    bool pending = false;         ///< the numbers are of the budget before, or not there yet
    std::int64_t keptTokens = 0;  ///< sum over the KV heads
    double keptRatio = kUnknown;
    double retainedMass = kUnknown, retainedNonSink = kUnknown; ///< 1 - mean lost; NaN where undefined
    double outputError = kUnknown;       ///< mean relative; NaN at depth mass
    double predictedDelta = kUnknown; ///< of log-probability, mean over steps; NaN until a survey of it was complete
    double bytes = kUnknown;             ///< of the layer's prompt cache
};

/// A method's mean values over a layer at several ratios.
struct LiveCurve {
    std::string method, title;
    bool follows = true; ///< false: it has one size, whatever the budget; its ratio is that of its bytes or tokens
    std::vector<double> ratio, retainedMass, retainedNonSink, outputError; ///< ascending in ratio
};

/// The selected method and budget on all captured layers, filled layer by layer.
struct LiveSurvey {
    int capture = 0;
    std::string method;
    compress::Budget budget;
    std::int64_t layersDone = 0;                ///< L' of L; the arrays hold NaN (keptTokens -1) beyond
    std::vector<float> lostMass, lostNonSink, outputError; // [L, H] mean over queries
    std::vector<std::int64_t> keptTokens;       // [L, G]
    std::vector<float> survival;                // [L, S]
    std::vector<float> predictedDelta;          // [t] change of log-probability, of captures with a readout, when complete
    [[nodiscard]] bool complete(std::int64_t layers) const { return layersDone == layers; }
};

/// "SnapKV (window=16)" of a specification; the specification itself if it names no method.
[[nodiscard]] std::string methodTitle(const std::string& specification);

} // namespace kvviz::views
