// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// GSM8K: grade-school word problems. Up to 8 shots are the standard chain-of-thought examples; more are the first
// problems of the training file. Questions come from the test file.
#pragma once

#include "datasets/task_base.hpp"

#include <filesystem>

namespace kvviz::datasets {

struct WorkedProblem {
    std::string question;
    std::string chain;  ///< sentences in one line, the last being "The answer is N."
    std::string answer; ///< plain decimal
};

class Gsm8kTask final : public TaskBase {
public:
    explicit Gsm8kTask(const TaskOptions& options);
    static TaskInfo describe();
    [[nodiscard]] std::int64_t size() const override { return std::ssize(m_questions); }
    [[nodiscard]] Prompt prompt(std::int64_t index) const override;
    [[nodiscard]] bool isCorrect(const Prompt& prompt, const std::string& continuation) const override;

private:
    std::vector<WorkedProblem> m_shots;
    std::vector<WorkedProblem> m_questions;
};

/// Problems of a file in the published form, {"question": "...", "answer": "... #### N"} a line.
[[nodiscard]] std::vector<WorkedProblem> readWorkedProblems(const std::filesystem::path& path, bool skipBad);
/// The first `shots` examples: up to 8 are the standard chain-of-thought ones, more come from the training file.
/// Throws Error(usage) if the file holds fewer, Error(badInput) if it is missing or malformed.
[[nodiscard]] std::vector<WorkedProblem> readWorkedShots(const TaskOptions& options, const std::string& task,
                                                         int shots);

/// A worked answer of the data set ("48/2 = <<48/2=24>>24 clips\n#### 24") in the form of the standard examples: marks
/// stripped, lines joined to sentences, "The answer is 24." at the end. False if it has no "#### N".
[[nodiscard]] bool chainFromAnswer(const std::string& worked, WorkedProblem& problem);

/// The examples of gsm8k_prompts/prompt_original.txt: blocks parted by blank lines, each "Question: ...", "Let's think
/// step by step", one sentence a line. Throws Error(badInput) with the line of a block that has another form.
[[nodiscard]] std::vector<WorkedProblem> readChainExamples(const std::filesystem::path& path);

} // namespace kvviz::datasets
