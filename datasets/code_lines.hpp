// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Built-in task "code_lines": the last line of a tiny function, judged by the exact line; nothing is run.
#pragma once

#include "datasets/task_base.hpp"

namespace kvviz::datasets {

class CodeLinesTask final : public GeneratedTask {
public:
    explicit CodeLinesTask(const TaskOptions& options);
    static TaskInfo describe();
    /// The first line of the continuation is the expected one, but for spaces around it.
    [[nodiscard]] bool isCorrect(const Prompt& prompt, const std::string& continuation) const override;

protected:
    [[nodiscard]] Item question(std::int64_t index) const override;
    [[nodiscard]] Item drawShot(std::int64_t index, int number, Random& random) const override;
};

} // namespace kvviz::datasets
