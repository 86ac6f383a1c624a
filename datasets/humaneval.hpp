// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// HumanEval: a function to be completed, judged by its tests (pass@1). Nothing is run unless the user allowed it.
#pragma once

#include "datasets/task_base.hpp"

namespace kvviz::datasets {

struct CodeProblem {
    std::string prompt;   ///< imports, head, docstring
    std::string solution; ///< the body
    std::string test;     ///< defines check(candidate)
    std::string entryPoint;
};

class HumanEvalTask final : public TaskBase {
public:
    explicit HumanEvalTask(const TaskOptions& options);
    static TaskInfo describe();
    [[nodiscard]] std::int64_t size() const override { return std::ssize(m_problems); }
    [[nodiscard]] Prompt prompt(std::int64_t index) const override;
    /// Runs the completed function and its tests in the sandbox. Throws Error(usage) if that is not allowed.
    [[nodiscard]] bool isCorrect(const Prompt& prompt, const std::string& continuation) const override;
    [[nodiscard]] std::string obstacle() const override;

private:
    std::vector<CodeProblem> m_problems;
    bool m_mayRun = false;
};

/// The program that passes if the completion is right: prompt, completion, tests, a call of them.
[[nodiscard]] std::string testProgram(const CodeProblem& problem, std::string_view completion);

} // namespace kvviz::datasets
