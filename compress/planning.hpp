// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a replay and a running model share on their way to plans: methods with their surveys, and how a layer is put
// before a method.
#pragma once

#include "compress/method.hpp"
#include "compress/other_layers.hpp"
#include "core/progress.hpp"

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace kvviz::compress {

/// A method of a request with what all its budgets share.
struct Candidate {
    std::unique_ptr<Method> method;
    std::unique_ptr<Survey> survey; ///< null: decides layer by layer
    bool runs = false;              ///< false: not on this capture
};

/// Throws Error(usage) for unknown methods and parameters.
[[nodiscard]] std::vector<Candidate> makeCandidates(const std::vector<std::string>& specifications);
/// Throws Error(badInput) unless the tables (null: none) are of the capture's model.
void requireSameModel(const core::CaptureSource& capture, const core::ModelTables* tables);

/// Runs body(i) for 0 <= i < count on several threads (0: all) until the user stops it.
void parallelFor(std::int64_t count, int threads, const core::Progress& progress,
                 const std::function<void(std::int64_t)>& body);

/// One capture on its way through the layers. Keeps a reference to the capture.
class Planning {
public:
    using Load = std::function<core::LayerData(std::int64_t slot, core::Need needs)>;
    /// `load`: a layer as methods are to see it.
    Planning(const core::CaptureSource& capture, std::shared_ptr<const core::ModelTables> tables, std::uint64_t seed,
             Load load);

    /// Without survey and earlier plans, which are a method's own.
    [[nodiscard]] LayerInput input(const core::LayerData& data, std::int64_t slot, LayerMemo& memo);
    /// Shows every layer to those of the methods that run and must see all of them first.
    void survey(std::span<Candidate* const> candidates, core::Need needs, int threads, const core::Progress& progress);

private:
    const core::CaptureSource& m_capture;
    std::shared_ptr<const core::ModelTables> m_tables;
    std::uint64_t m_seed;
    Load m_load;
    std::vector<int> m_kvHeads; // numbers in the model
    OtherLayers m_others;
};

} // namespace kvviz::compress
