// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Built-in task "sentiment": is a short review positive or negative?
#pragma once

#include "datasets/task_base.hpp"

namespace kvviz::datasets {

class SentimentTask final : public GeneratedTask {
public:
    explicit SentimentTask(const TaskOptions& options);
    static TaskInfo describe();
    [[nodiscard]] bool isCorrect(const Prompt& prompt, const std::string& continuation) const override;

protected:
    [[nodiscard]] Item question(std::int64_t index) const override;
    /// Each pair of shots holds one review of either kind, in an order drawn from the seed.
    [[nodiscard]] Item drawShot(std::int64_t index, int number, Random& random) const override;
};

} // namespace kvviz::datasets
