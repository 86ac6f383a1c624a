// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From a task's prompt to what the engine reads.
#pragma once

#include "capture/tokenized_prompt.hpp"
#include "datasets/prompt.hpp"

namespace kvviz::app {

[[nodiscard]] inline capture::PromptSource toSource(const datasets::Prompt& prompt)
{
    capture::PromptSource source;
    source.task = prompt.task;
    source.id = prompt.id;
    source.text = prompt.text;
    source.segments = prompt.segments;
    source.target = prompt.target;
    source.answer = prompt.answer;
    source.stops = prompt.stops;
    return source;
}

} // namespace kvviz::app
