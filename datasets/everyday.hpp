// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Built-in task "everyday": sentences of common sense, to be ended with the right one of three words.
#pragma once

#include "datasets/task_base.hpp"

namespace kvviz::datasets {

class EverydayTask final : public GeneratedTask {
public:
    explicit EverydayTask(const TaskOptions& options);
    static TaskInfo describe();
    /// The choice that the continuation names first is the right one.
    [[nodiscard]] bool isCorrect(const Prompt& prompt, const std::string& continuation) const override;

protected:
    [[nodiscard]] Item question(std::int64_t index) const override;
    [[nodiscard]] Item drawShot(std::int64_t index, int number, Random& random) const override;

private:
    std::vector<std::size_t> m_order; ///< of the questions
};

} // namespace kvviz::datasets
