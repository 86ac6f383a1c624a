// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Plans for a model that is about to generate: every (method, budget) on a prompt after its prefill, layer by layer.
#pragma once

#include "compress/planning.hpp"

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace kvviz::compress {

struct LiveRequest {
    std::vector<std::string> methods; ///< specifications, see makeMethod
    std::vector<Budget> budgets;
    std::uint64_t seed = 0;
    int threads = 0; ///< 0: all; plans do not depend on it
    std::shared_ptr<const core::ModelTables> tables = nullptr; ///< of the model; may be null
};

/// What stays of one layer for one (method, budget).
struct LivePlan {
    LayerPlan plan;  ///< without keptDecode; `changed` as below
    StepRules rules; ///< what is evicted while decoding
    /// Prompt positions that the first generated token sees, per KV head, ascending. [G][..]
    [[nodiscard]] const std::vector<std::vector<std::int32_t>>& kept() const;
};

/// A (method, budget) of the request.
struct LivePair {
    const Method* method = nullptr;
    Budget budget; ///< of methods that follow it
};

/// Serves many prompts. Methods that act at the end of prefill or at each step run as they are. Of methods that change
/// keys and values the prompt's tokens take the form that the first generated token sees: what a method compresses
/// later, and generated tokens, stay uncompressed (flag "later_tokens_uncompressed").
class LivePlanner {
public:
    /// Throws Error(usage) for unknown methods or bad budgets, and for methods that cannot run inside a generating
    /// model, saying why (Method::liveObstacle).
    explicit LivePlanner(LiveRequest request);

    /// In request order, the budgets of a method side by side; one for a method that does not follow budgets.
    [[nodiscard]] const std::vector<LivePair>& pairs() const noexcept { return m_pairs; }
    /// Why each pair cannot run on this prompt; empty: it can.
    [[nodiscard]] std::vector<std::string> obstacles(const core::CaptureSource& prompt) const;

    /// Called for every layer and each chosen pair; different pairs of a layer at the same time.
    using Sink = std::function<void(const core::LayerData& data, std::size_t pair, LivePlan&& plan)>;
    /// Plans the `chosen` pairs (without obstacles) on a prompt at the end of its prefill (t = 0). One layer is in
    /// memory at a time. What a pair's plans are does not depend on which others are chosen. Throws Error(badInput)
    /// when an array is missing or the tables are of another model.
    void run(const core::CaptureSource& prompt, std::span<const std::size_t> chosen, const Sink& sink,
             const core::Progress& progress = {});

private:
    struct Group; // pairs that see layers in the same way
    void runGroup(Group& group, const core::CaptureSource& prompt, const Sink& sink, const core::Progress& progress);

    LiveRequest m_request;
    std::vector<Candidate> m_candidates;
    std::vector<std::size_t> m_candidateOf; // of each pair
    std::vector<LivePair> m_pairs;
};

} // namespace kvviz::compress
