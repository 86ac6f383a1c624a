// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Tasks: where prompts come from. Built-in tasks are generated from a seed; the others read public files from a
// data folder (never copied into the project).
#pragma once

#include "datasets/prompt.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

namespace kvviz::datasets {

/// Options that change the prompts of some tasks only; all take shots and a seed, or refuse them.
enum class TaskKnob : std::uint8_t { subject, length, depth, questions };

struct TaskInfo {
    std::string name;        ///< "addition"
    std::string category;    ///< the ability in words, "arithmetic"; else "sentiment", "language"
    std::string description; ///< one sentence
    std::string source;      ///< "built in" or the files expected under the data folder
    int defaultShots = 0;
    /// The ability as KVFundaBench (arXiv 2502.01941) calls it: WK world knowledge, CSR commonsense, AR arithmetic,
    /// CG code, SA safety, LCR long-context retrieval, LG long-context generation, DQ document QA. Empty for none.
    std::string ability = {};
    int answerTokens = 16; ///< that an answer may need: how far to generate
    std::vector<TaskKnob> knobs = {};

    [[nodiscard]] bool takes(TaskKnob knob) const { return std::find(knobs.begin(), knobs.end(), knob) != knobs.end(); }
};

struct TaskOptions {
    int shots = -1;               ///< -1: the task's default
    std::uint64_t seed = 0;
    std::filesystem::path dataDir; ///< needed by tasks that read files
    std::string subject;          ///< MMLU: one subject, empty = all in order
    std::int64_t length = 0;      ///< needle, documents: approximate length in words, 0 = default
    double depth = -1;            ///< needle: place of the needle, 0 (start) to 1 (end), -1 = spread over the prompts
    bool skipBad = false;         ///< skip malformed lines instead of failing
    int questions = 0;            ///< long-context generation: questions in one prompt, 0 = default
    bool allowCodeExecution = false; ///< humaneval: run what the model wrote, in a sandbox
};

class Task {
public:
    virtual ~Task() = default;
    [[nodiscard]] virtual const TaskInfo& info() const = 0;
    /// Number of prompts; built-in tasks have a nominal 1000.
    [[nodiscard]] virtual std::int64_t size() const = 0;
    /// Prompt `index` in [0, size()). Throws Error(usage) outside.
    [[nodiscard]] virtual Prompt prompt(std::int64_t index) const = 0;
    /// Scores a model's continuation: true if it holds the gold answer (rule of the task).
    [[nodiscard]] virtual bool isCorrect(const Prompt& prompt, const std::string& continuation) const = 0;
    /// How good the continuation is, 0 to 1; by default 1 if it is correct, else 0. Tasks with several answers in one
    /// output give the part that is right.
    [[nodiscard]] virtual double score(const Prompt& prompt, const std::string& continuation) const
    {
        return isCorrect(prompt, continuation) ? 1 : 0;
    }
    /// Why continuations cannot be judged with these options ("not run: ..."); empty if they can. Where it is not
    /// empty, isCorrect and score throw Error(usage).
    [[nodiscard]] virtual std::string obstacle() const { return {}; }
};

/// All tasks kvviz knows, built-in ones first.
[[nodiscard]] const std::vector<TaskInfo>& taskList();
/// Throws Error(usage) for an unknown name (suggests the nearest), Error(badInput) for missing or malformed data: file,
/// line, what was expected.
[[nodiscard]] std::unique_ptr<Task> openTask(const std::string& name, const TaskOptions& options);

/// Plain text with explicit marks: a line "@@ KIND [label]" (kind: system, instruction, shot, question, answer) opens
/// a segment and is itself left out of the text; text before the first mark is "question" if there is no mark at all,
/// "instruction" otherwise. "@@@ ..." stands for a literal "@@ ..." line. An "answer" segment at the very end becomes
/// the target. One line break at the very end of the prompt and of the target is dropped, as editors add it. Throws
/// Error(badInput) on an unknown kind or a mark without text (line number), and on an empty text.
[[nodiscard]] Prompt promptFromMarkedText(const std::string& text, const std::string& id);

} // namespace kvviz::datasets
