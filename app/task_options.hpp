// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From the command line to the tasks.
#pragma once

#include "app/options.hpp"
#include "datasets/task.hpp"

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

} // namespace kvviz::app
