// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Long-context generation in the form of LongGenBench: one prompt asks K problems of GSM8K at once, one output answers
// them all. Examples come as all questions first, then all answers.
#pragma once

#include "datasets/gsm8k.hpp"

#include <utility>

namespace kvviz::datasets {

class LongGenTask final : public TaskBase {
public:
    explicit LongGenTask(const TaskOptions& options);
    static TaskInfo describe();
    /// Prompts of K questions each; questions left over at the end are not asked.
    [[nodiscard]] std::int64_t size() const override { return std::ssize(m_questions) / m_atOnce; }
    [[nodiscard]] Prompt prompt(std::int64_t index) const override;
    /// All questions are answered rightly.
    [[nodiscard]] bool isCorrect(const Prompt& prompt, const std::string& continuation) const override;
    /// The fraction of the questions that are.
    [[nodiscard]] double score(const Prompt& prompt, const std::string& continuation) const override;

private:
    int m_atOnce = 0; ///< K
    std::vector<WorkedProblem> m_shots;
    std::vector<WorkedProblem> m_questions;
};

/// The output cut at its marks "Answer_i:", each piece with its i; what stands before the first mark answers question
/// 1, whose mark ends the prompt. Of two pieces with one number the first counts.
[[nodiscard]] std::vector<std::pair<int, std::string_view>> numberedAnswers(std::string_view output);

} // namespace kvviz::datasets
