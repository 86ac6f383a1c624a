// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Built-in task "facts": sentences of common knowledge (capitals, languages, calendar, animals) whose end is asked.
#pragma once

#include "datasets/task_base.hpp"

namespace kvviz::datasets {

class FactsTask final : public GeneratedTask {
public:
    explicit FactsTask(const TaskOptions& options);
    static TaskInfo describe();
    /// The continuation begins with the answer, in any case, perhaps after an article.
    [[nodiscard]] bool isCorrect(const Prompt& prompt, const std::string& continuation) const override;

protected:
    [[nodiscard]] Item question(std::int64_t index) const override;
    [[nodiscard]] Item drawShot(std::int64_t index, int number, Random& random) const override;

private:
    std::vector<std::size_t> m_order; ///< of the questions
};

} // namespace kvviz::datasets
