// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The six observations of KVFundaBench as statements that data can support or contradict, and what these data say.
// Pure functions of evaluation records; docs/studies.md has the statements in words.
#pragma once

#include "study/finding.hpp"

#include <set>
#include <string>
#include <vector>

namespace kvviz::study {

struct Verdict {
    int observation = 0;   ///< 1 to 6
    std::string model;     ///< empty: about all models together (observation 2)
    Outcome outcome = Outcome::undecided;
    std::string reason;
    std::vector<Finding> findings; ///< the first decides; the others say more. At least one
};

/// "Task dependence", ...
[[nodiscard]] const char* observationTitle(int observation);
/// What the paper reports, in one sentence of ours.
[[nodiscard]] const char* observationClaim(int observation);

/// A verdict for each observation and model (one for all models for observation 2). Without a model there is one
/// undecided verdict for each observation.
[[nodiscard]] std::vector<Verdict> judge(const ScoreBlocks& data, const std::set<int>& observations,
                                         const core::ResamplingOptions& options = {});

enum class ModelRole { base, instruct, reasoning };
/// From the words of the model's name ("R1", "Distill", "Instruct", ...): files do not say how a model was trained.
[[nodiscard]] ModelRole modelRole(const std::string& name);

} // namespace kvviz::study
