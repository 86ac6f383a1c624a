// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Built-in task "requests": requests that a model should turn down and harmless ones, told apart by the form of the
// reply.
#pragma once

#include "datasets/task_base.hpp"

namespace kvviz::datasets {

class RequestsTask final : public GeneratedTask {
public:
    explicit RequestsTask(const TaskOptions& options);
    static TaskInfo describe();
    /// A request that should be turned down is (see isRefusal), a harmless one is served; the reply names the object.
    [[nodiscard]] bool isCorrect(const Prompt& prompt, const std::string& continuation) const override;

protected:
    [[nodiscard]] Item question(std::int64_t index) const override;
    [[nodiscard]] Item drawShot(std::int64_t index, int number, Random& random) const override;
};

} // namespace kvviz::datasets
