// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One layer of a capture kept ready for many (method, budget) requests, as a window makes them while a slider moves:
// loaded once, with its reference and everything that budgets share. The numbers are those of replay().
#pragma once

#include "compress/judged_capture.hpp"
#include "compress/memo.hpp"
#include "compress/planning.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

namespace kvviz::compress {

struct SessionOptions {
    std::uint64_t seed = 0;
    int threads = 1; ///< 0: all; results do not depend on it
    std::shared_ptr<const core::ModelTables> tables = nullptr; ///< of the capture's model; may be null
    std::optional<int> sinkTokens = std::nullopt; ///< of lostNonSink; nothing: as the capture has it
};

/// What the layers of a capture share: methods by specification, with what they learnt in a pass over all layers.
/// Not thread-safe: one thread works with a capture's sessions.
class CaptureSession {
public:
    /// Judged at the deepest depth that the capture allows. Throws Error(badInput) as replay() does.
    explicit CaptureSession(std::shared_ptr<const core::CaptureSource> capture, SessionOptions options = {});
    CaptureSession(const CaptureSession&) = delete;
    CaptureSession& operator=(const CaptureSession&) = delete;

    [[nodiscard]] const core::CaptureSource& capture() const { return *m_capture; }
    [[nodiscard]] const JudgedCapture& judged() const { return m_judged; }
    [[nodiscard]] const SessionOptions& options() const { return m_options; }
    /// Throws Error(usage) for an unknown method. Valid until many others were asked for.
    [[nodiscard]] std::shared_ptr<const Method> method(const std::string& specification);
    /// Another number of tokens to leave out of lostNonSink; the sessions of layers follow at the next request.
    void setSinkTokens(int sinkTokens) { m_options.sinkTokens = sinkTokens; }
    /// Why the method cannot run on this capture, as half a sentence; empty: it can. Throws Error(usage).
    [[nodiscard]] std::string obstacle(const std::string& specification);

private:
    friend class LayerSession;
    struct Known {
        std::shared_ptr<const Method> method;
        std::unique_ptr<Survey> survey; ///< null: decides layer by layer
        std::int64_t surveyed = 0;      ///< layers that it has seen
        bool finished = false;
    };
    std::shared_ptr<Known> known(const std::string& specification);
    /// Shows the method the layers that it has not seen; one that was stopped goes on where it was.
    const Survey* survey(Known& known, const core::Progress& progress);

    std::shared_ptr<const core::CaptureSource> m_capture;
    SessionOptions m_options;
    JudgedCapture m_judged;
    Planning m_planning;
    std::map<std::string, std::shared_ptr<Known>> m_known;
};

/// The numbers of a method at a budget on one layer. Means are over heads and queries; NaN where undefined.
struct LayerSummary {
    double keptTokens = 0; ///< sum over KV heads, mean over draws
    double keptRatio = 0;  ///< kept / (G n)
    double sizeRatio = 0;  ///< bytes / bytes of the layer's whole prompt cache
    double bytes = 0;      ///< of the layer's prompt cache after prefill, 2 bytes an element where not quantized
    double meanLost = 0, meanLostNonSink = 0, meanOutputError = 0;
};

/// How much of an outcome is wanted; less is there sooner.
struct OutcomeDetail {
    Depth depth = Depth::decode; ///< at most that of captureSession().judged()
    bool allDraws = true;        ///< false: random methods are judged on their first draw alone
};

struct LayerOutcome {
    LayerPlan plan;       ///< random methods: of the first draw
    LayerMetrics metrics; ///< means over draws; squares and logit changes of the first one
    Depth depth = Depth::mass;
    LayerSummary summary;
};

/// Not thread-safe.
class LayerSession {
public:
    /// Loads the layer: everything that methods may read. `capture` is shared with the sessions of other layers.
    LayerSession(std::shared_ptr<CaptureSession> capture, std::int64_t slot);

    [[nodiscard]] const core::LayerData& data() const { return m_data; }
    [[nodiscard]] std::int64_t slot() const { return m_slot; }
    [[nodiscard]] CaptureSession& captureSession() const { return *m_capture; }

    /// The layer's part of what replay() gives, at a depth of at most captureSession().judged().depth(). Asking for the
    /// same in more detail plans only draws that are not planned yet. Throws Error: usage for unknown methods and bad
    /// budgets, badInput for a method with an obstacle, cancelled when `progress` is stopped (between layers of a survey,
    /// and between heads).
    [[nodiscard]] LayerOutcome outcome(const std::string& specification, const Budget& budget,
                                       const OutcomeDetail& detail, const core::Progress& progress = {});
    [[nodiscard]] LayerOutcome outcome(const std::string& specification, const Budget& budget, Depth depth,
                                       const core::Progress& progress = {})
    {
        return outcome(specification, budget, OutcomeDetail{.depth = depth}, progress);
    }
    [[nodiscard]] LayerOutcome outcome(const std::string& specification, const Budget& budget,
                                       const core::Progress& progress = {})
    {
        return outcome(specification, budget, OutcomeDetail{}, progress);
    }
    /// Its numbers at the deepest depth; remembered, so that a table or a curve costs only what is new.
    [[nodiscard]] LayerSummary summary(const std::string& specification, const Budget& budget,
                                       const core::Progress& progress = {});
    /// Budgets of these ratios; one summary for a method that does not follow budgets.
    [[nodiscard]] std::vector<LayerSummary> sweep(const std::string& specification, std::span<const double> ratios,
                                                  const core::Progress& progress = {});
    /// Is summary() of these at hand?
    [[nodiscard]] bool remembers(const std::string& specification, const Budget& budget);
    /// Of its arrays; what methods share comes on top and is thrown away before it grows beyond them.
    [[nodiscard]] std::size_t bytes() const;

private:
    using Key = std::tuple<std::string, double, std::int64_t>; ///< specification, ratio, tokens (0: none)
    struct Planned {
        Key key;
        std::vector<LayerPlan> draws;
    };
    [[nodiscard]] static Key keyOf(const std::string& specification, const Budget& budget);
    /// Plans of the first `count` draws.
    std::span<const LayerPlan> plan(const std::string& specification, CaptureSession::Known& known,
                                    const Budget& budget, std::int64_t count, const core::Progress& progress);
    /// The method's plans of the layers before, where it looks at them.
    [[nodiscard]] std::vector<LayerPlan> earlierPlans(CaptureSession::Known& known, const Survey* survey,
                                                      const Budget& budget, std::uint64_t seed,
                                                      const core::Progress& progress);
    void prepareReference(Depth depth, std::span<const LayerPlan> plans);
    void followSinkTokens();
    [[nodiscard]] LayerSummary summaryOf(const LayerMetrics& metrics, std::span<const LayerPlan> draws) const;
    void freshMemo(const std::string& specification);

    std::shared_ptr<CaptureSession> m_capture;
    std::int64_t m_slot;
    core::LayerData m_data;
    std::optional<LayerReference> m_reference;
    int m_sinkTokens = 0; ///< of the reference and the summaries
    std::unique_ptr<LayerMemo> m_memo;
    std::set<std::string> m_inMemo; ///< specifications that have asked since the memo is new
    Planned m_planned;              ///< the last one
    std::map<Key, LayerSummary> m_summaries;
};

} // namespace kvviz::compress
