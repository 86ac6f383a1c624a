// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Runs a plan step by step: what is done is passed over, what was begun goes on, and one step that fails does not end
// the study. How a step is run is the caller's affair.
#pragma once

#include "core/io/results.hpp"
#include "core/progress.hpp"
#include "study/manifest.hpp"

#include <functional>

namespace kvviz::study {

/// Share of a running step that is done, 0 to 1.
using StepProgress = std::function<void(double done)>;

struct StepOutcome {
    int status = 0;      ///< exit status of the program
    std::string message; ///< its error, if it failed
};

struct StepCall {
    std::vector<std::string> arguments;
    std::filesystem::path standardOutput = {}; ///< file for it; empty: it is dropped
};

/// Runs kvviz-engine; throws core::Error only if no step can be run at all.
using StepProgram = std::function<StepOutcome(const StepCall& call, const StepProgress& progress)>;

/// The results files of the steps go to `folder`/results. Updates the manifest on disk before and after each step.
/// Throws Error(cancelled) when a stop was asked for or a step says that it was stopped; the study can then be resumed.
void runSteps(const std::vector<EvalStep>& steps, const std::filesystem::path& folder, Manifest& manifest,
              const StepProgram& program, const core::Progress& progress);

/// Results of all finished steps. Records get the model's name (made unique by the label where two models share one),
/// shots and questions of their step where they do not say them. A file that cannot be read becomes a note and its
/// step failed.
[[nodiscard]] std::vector<io::EvalRecord> readResults(const std::filesystem::path& folder, Manifest& manifest);

} // namespace kvviz::study
