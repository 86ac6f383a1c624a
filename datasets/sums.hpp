// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Built-in task "sums": several small sums in one prompt, answered in one output.
#pragma once

#include "datasets/task_base.hpp"

namespace kvviz::datasets {

class SumsTask final : public GeneratedTask {
public:
    explicit SumsTask(const TaskOptions& options);
    static TaskInfo describe();
    /// All sums are right.
    [[nodiscard]] bool isCorrect(const Prompt& prompt, const std::string& continuation) const override;
    /// The fraction of the sums that is right.
    [[nodiscard]] double score(const Prompt& prompt, const std::string& continuation) const override;

protected:
    [[nodiscard]] Item question(std::int64_t index) const override;
    [[nodiscard]] Item drawShot(std::int64_t index, int number, Random& random) const override;

private:
    int m_questions = 0; ///< sums of a line
};

} // namespace kvviz::datasets
