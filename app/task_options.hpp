// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From the command line to the tasks, and what a task makes of it.
#pragma once

#include "app/options.hpp"
#include "datasets/task.hpp"

#include <string>
#include <vector>

namespace kvviz::app {

[[nodiscard]] inline datasets::TaskOptions taskOptions(const TaskChoice& choice)
{
    return {.shots = choice.shots,
            .seed = choice.seed,
            .dataDir = choice.dataDir,
            .subject = choice.subject,
            .length = choice.length,
            .depth = choice.depth,
            .skipBad = choice.skipBad,
            .questions = choice.questions,
            .allowCodeExecution = choice.allowCodeExecution};
}

/// What was asked of a task beyond its defaults, for records: "shots=2 length=400 chat=auto". Options that the task does
/// not take are left out.
[[nodiscard]] std::string settingText(const TaskChoice& choice, const datasets::TaskInfo& info, const std::string& chat);
/// A sentence for each option that was given and that some of the tasks do not take.
[[nodiscard]] std::vector<std::string> ignoredOptions(const TaskChoice& choice,
                                                      const std::vector<datasets::TaskInfo>& tasks);

} // namespace kvviz::app
