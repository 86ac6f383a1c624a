// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Built-in task "opposites": the opposite of a common word.
#pragma once

#include "datasets/task_base.hpp"

namespace kvviz::datasets {

class OppositesTask final : public GeneratedTask {
public:
    explicit OppositesTask(const TaskOptions& options);
    static TaskInfo describe();
    [[nodiscard]] bool isCorrect(const Prompt& prompt, const std::string& continuation) const override;

protected:
    /// Every word of the list comes once, in an order drawn from the seed, before any comes again.
    [[nodiscard]] Item question(std::int64_t index) const override;
    [[nodiscard]] Item drawShot(std::int64_t index, int number, Random& random) const override;

private:
    std::vector<std::size_t> m_order; ///< a shuffle of all words
};

} // namespace kvviz::datasets
