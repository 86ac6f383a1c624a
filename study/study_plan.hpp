// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a study has to measure: a list of evaluations, each a run of `kvviz eval` on one task with one form of its
// prompts. What a run measures never depends on the observation that asks for it, so observations share runs and a
// study can be widened later.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace kvviz::study {

struct StudyOptions {
    std::set<int> observations = {};        ///< 1 to 6
    std::vector<std::string> models = {};   ///< paths; empty: the default model of `kvviz eval`
    std::string dataDir = {};               ///< public data; empty: built-in tasks only
    std::optional<std::int64_t> limit = {}; ///< prompts of each task; else kDefaultPrompts or kQuickPrompts
    std::uint64_t seed = 0;
    bool quick = false;                     ///< fewer prompts, ratios and shots
    bool allowCodeExecution = false;        ///< HumanEval in place of the built-in code task
};

inline constexpr std::int64_t kDefaultPrompts = 40, kQuickPrompts = 12;

inline constexpr const char* kBenchKey = "bench";

/// One run of `kvviz eval`; or of `kvviz bench`, which measures time and has no task.
struct EvalStep {
    std::string key;              ///< "addition-8shots": unique for its model; kBenchKey
    std::string model, modelLabel; ///< path as given, and a folder name made of it
    std::string task;
    int shots = -1;               ///< -1: the task's default
    std::vector<int> fewerShots;  ///< to be tried in turn if the prompts do not fit into the model's context
    int questions = 0;            ///< at once; 0: the task's default
    std::int64_t limit = kDefaultPrompts;
    std::uint64_t seed = 0;
    std::string dataDir;          ///< empty for built-in tasks
    bool allowCodeExecution = false;
    std::vector<std::string> methods;
    std::vector<double> ratios;
    std::string lengths;          ///< of a bench: "512/128,2048/256"
    std::set<int> observations;   ///< that use it

    [[nodiscard]] bool isBench() const { return key == kBenchKey; }

    /// "LABEL/addition-8shots.kvres.h5" or "LABEL/bench.json", below the study's folder of results.
    [[nodiscard]] std::string file(int usedShots) const;
    /// The command line behind `kvviz-engine`, but for what depends on the machine and on what is there already. A
    /// bench writes to standard output.
    [[nodiscard]] std::vector<std::string> arguments(int usedShots, const std::string& output) const;
    /// Answers that the run decodes: of the full cache, and of each method at each ratio.
    [[nodiscard]] std::int64_t answers() const;
    /// All that must be the same for an earlier result to be this step's; canonical text.
    [[nodiscard]] std::string settings() const;
    /// "addition, 8 shots"
    [[nodiscard]] std::string label() const;
};

/// `shots`, or the number that the task has by itself if it is negative: "8 shots" is one run however it was asked for.
[[nodiscard]] int knownShots(const std::string& task, int shots);

struct StudyPlan {
    std::vector<EvalStep> steps;
    std::vector<std::string> notes; ///< what was left out or replaced, and why
};

/// Why a task cannot be opened with this data folder, or empty: "", or the reason.
using TaskCheck = std::function<std::string(const std::string& task, const std::string& dataDir)>;
/// Opens the task.
[[nodiscard]] std::string taskObstacle(const std::string& task, const std::string& dataDir);

/// Throws Error(usage) for an empty or unknown observation.
[[nodiscard]] StudyPlan planStudy(const StudyOptions& options, const TaskCheck& check = taskObstacle);

/// Folder name made of a model's path: "SmolLM2-135M-Instruct.Q4_1"; "default" for none. `taken` are left alone.
[[nodiscard]] std::string modelLabel(const std::string& path, const std::set<std::string>& taken = {});

/// "obs3" or "all" as numbers. Throws Error(usage).
[[nodiscard]] std::set<int> parseObservations(const std::vector<std::string>& names);

} // namespace kvviz::study
