// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Which options of the command line a task takes.
#include "app/task_options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

namespace kvviz::app {
namespace {

using datasets::TaskInfo;
using datasets::TaskKnob;

/// The options that were given and that only some tasks take, as "name" and "value".
std::vector<std::pair<TaskKnob, std::pair<std::string, std::string>>> givenKnobs(const TaskChoice& choice)
{
    std::vector<std::pair<TaskKnob, std::pair<std::string, std::string>>> given;
    if (!choice.subject.empty())
        given.push_back({TaskKnob::subject, {"subject", choice.subject}});
    if (choice.length > 0)
        given.push_back({TaskKnob::length, {"length", std::to_string(choice.length)}});
    if (choice.depth >= 0)
        given.push_back({TaskKnob::depth, {"depth", fmt::format("{}", choice.depth)}});
    if (choice.questions > 0)
        given.push_back({TaskKnob::questions, {"questions", std::to_string(choice.questions)}});
    return given;
}

} // namespace

std::string settingText(const TaskChoice& choice, const TaskInfo& info, const std::string& chat)
{
    std::vector<std::string> parts;
    if (choice.shots >= 0)
        parts.push_back(fmt::format("shots={}", choice.shots));
    for (const auto& [knob, text] : givenKnobs(choice))
        if (info.takes(knob))
            parts.push_back(text.first + "=" + text.second);
    if (chat != "none")
        parts.push_back("chat=" + chat);
    return fmt::format("{}", fmt::join(parts, " "));
}

std::vector<std::string> ignoredOptions(const TaskChoice& choice, const std::vector<TaskInfo>& tasks)
{
    std::vector<std::string> sentences;
    for (const auto& [knob, text] : givenKnobs(choice)) {
        std::vector<std::string> ignoring, taking;
        for (const TaskInfo& info : tasks)
            if (!info.takes(knob))
                ignoring.push_back(info.name);
        for (const TaskInfo& info : datasets::taskList())
            if (info.takes(knob))
                taking.push_back(info.name);
        if (!ignoring.empty())
            sentences.push_back(fmt::format("--{} does not change the prompts of {}; it is an option of {}", text.first,
                                            fmt::join(ignoring, ", "), fmt::join(taking, ", ")));
    }
    return sentences;
}

} // namespace kvviz::app
