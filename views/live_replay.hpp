// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The selected method replayed on the selected layer while its ratio moves: computed off the GUI thread, coarse first,
// stale requests dropped. Views that show compression draw from these results and compute nothing themselves.
#pragma once

#include "compress/metrics.hpp"
#include "views/background_task.hpp"
#include "views/capture_list.hpp"
#include "views/selection.hpp"

#include <QObject>

#include <memory>
#include <string>
#include <vector>

namespace kvviz::views {

/// What one method at one budget does to one layer of a capture; immutable once told.
struct LiveLayer {
    std::shared_ptr<const io::CaptureReader> reader; ///< of the capture it was computed on
    int capture = 0;      ///< index into the open captures
    std::int64_t slot = 0; ///< of the layer
    std::string method;   ///< specification
    compress::Budget budget;
    compress::Depth depth = compress::Depth::mass; ///< output when the capture holds values, else mass
    compress::LayerPlan plan;
    compress::LayerMetrics metrics;
    std::int64_t n = 0, t = 0;    ///< of the arrays: a capture without decode rows is judged on the end of its window
    std::string evaluatedOn;      ///< as compress::ReplayReport says it
    double keptRatio = 0;         ///< kept / (G n)
    double seconds = 0;           ///< of the computation
};

/// One line of the method table: a method at the selected budget on the selected layer.
struct LiveRow {
    std::string method, title;    ///< specification; name for people
    std::string obstacle;         ///< why it cannot be shown, as half a sentence; else empty and the numbers hold
    std::int64_t keptTokens = 0;  ///< sum over the KV heads
    double keptRatio = 0;
    double retainedMass = 0, retainedNonSink = 0; ///< 1 - mean lost; NaN where undefined
    double outputError = 0;       ///< mean relative; NaN at depth mass
    double bytes = 0;             ///< of the layer's prompt cache
};

/// A method's mean values over a layer at several ratios.
struct LiveCurve {
    std::string method;
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

class LiveReplay : public QObject {
    Q_OBJECT

public:
    LiveReplay(Selection* selection, CaptureList* captures, QObject* parent = nullptr);
    ~LiveReplay() override;

    /// Null before the first result, and when the selected method cannot be replayed on the selected capture.
    [[nodiscard]] std::shared_ptr<const LiveLayer> layer() const { return m_layer; }
    [[nodiscard]] std::shared_ptr<const std::vector<LiveRow>> rows() const { return m_rows; }
    [[nodiscard]] std::shared_ptr<const std::vector<LiveCurve>> curves() const { return m_curves; }
    [[nodiscard]] std::shared_ptr<const LiveSurvey> survey() const { return m_survey; }
    /// Methods of table and curves, as specifications; the selected one is always among them.
    void setCompared(std::vector<std::string> methods);
    [[nodiscard]] const std::vector<std::string>& compared() const { return m_compared; }
    /// Rows, curves and survey cost more than the layer: each is computed only while somebody wants it.
    enum Want : unsigned { wantRows = 1, wantCurves = 2, wantSurvey = 4 };
    void want(const QObject* who, unsigned wants);
    [[nodiscard]] bool busy() const;

Q_SIGNALS:
    void layerChanged();
    void rowsChanged();
    void curvesChanged();
    void surveyChanged();
    void failed(const QString& message);
    void idle();

private:
    std::shared_ptr<const LiveLayer> m_layer;
    std::shared_ptr<const std::vector<LiveRow>> m_rows;
    std::shared_ptr<const std::vector<LiveCurve>> m_curves;
    std::shared_ptr<const LiveSurvey> m_survey;
    std::vector<std::string> m_compared;
};

} // namespace kvviz::views
