// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// study.json: what a study has run and with what outcome. It makes a study resumable and says where its numbers are
// from.
#pragma once

#include "core/io/results.hpp"
#include "study/study_plan.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace kvviz::study {

inline constexpr const char* kManifestName = "study.json";
inline constexpr const char* kResultsFolder = "results";

/// A step as it was last tried.
struct StepRecord {
    std::string key, modelLabel, model;
    std::string label;        ///< "addition, 8 shots"
    std::string settings;     ///< EvalStep::settings
    std::string file;         ///< below the folder of results
    std::string state;        ///< "begun", "done", "failed"
    std::string message;      ///< why it failed, or what was changed to make it run
    std::string command;      ///< as it could be typed
    int shots = -1;           ///< that were used
    int questions = 0;
    std::int64_t prompts = 0; ///< that were asked for
    double seconds = 0;
    std::set<int> observations;

    /// A measurement of time: its file is a report of kvviz bench, not a results file.
    [[nodiscard]] bool isBench() const { return key == kBenchKey; }
};

struct Manifest {
    std::string creator, commandLine;
    std::set<int> observations;     ///< that were ever asked for
    std::vector<std::string> notes; ///< of the plan
    std::vector<StepRecord> steps;

    /// The record of a step of that model and key; null if there is none.
    [[nodiscard]] StepRecord* find(const EvalStep& step);
};

/// Written as a whole or not at all. Throws Error(failure).
void writeManifest(const std::filesystem::path& folder, const Manifest& manifest);
/// Throws Error(badInput) if the folder's study.json cannot be read or is none.
[[nodiscard]] Manifest readManifest(const std::filesystem::path& folder);

} // namespace kvviz::study
