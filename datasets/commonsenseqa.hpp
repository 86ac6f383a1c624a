// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// CommonsenseQA: five choices; questions from the dev file, shots the first ones of the training file.
#pragma once

#include "datasets/choices.hpp"
#include "datasets/task_base.hpp"

namespace kvviz::datasets {

class CommonsenseQaTask final : public TaskBase {
public:
    explicit CommonsenseQaTask(const TaskOptions& options);
    static TaskInfo describe();
    [[nodiscard]] std::int64_t size() const override { return std::ssize(m_questions); }
    [[nodiscard]] Prompt prompt(std::int64_t index) const override;
    [[nodiscard]] bool isCorrect(const Prompt& prompt, const std::string& continuation) const override;

private:
    std::vector<ChoiceQuestion> m_shots;
    std::vector<ChoiceQuestion> m_questions;
};

} // namespace kvviz::datasets
