// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Built-in task "addition": word problems of one addition, each with its worked steps.
#pragma once

#include "datasets/task_base.hpp"

namespace kvviz::datasets {

class AdditionTask final : public GeneratedTask {
public:
    explicit AdditionTask(const TaskOptions& options);
    static TaskInfo describe();
    [[nodiscard]] bool isCorrect(const Prompt& prompt, const std::string& continuation) const override;

protected:
    [[nodiscard]] Item question(std::int64_t index) const override;
    [[nodiscard]] Item drawShot(std::int64_t index, int number, Random& random) const override;
};

} // namespace kvviz::datasets
