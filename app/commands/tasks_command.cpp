// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// kvviz tasks: where prompts come from, and what one looks like.
#include "app/commands.hpp"
#include "app/console.hpp"
#include "app/json_output.hpp"
#include "app/task_options.hpp"

#include <fmt/format.h>

#include <array>
#include <unistd.h>

namespace kvviz::app {
namespace {

int listTasks(const CommonOptions& common)
{
    Json report = jsonReport("tasks");
    report["tasks"] = Json::array();
    TextTable table({"name", "category", ">shots", "source"});
    std::string descriptions;
    for (const datasets::TaskInfo& info : datasets::taskList()) {
        report["tasks"].push_back({{"name", info.name},
                                   {"category", info.category},
                                   {"ability", info.ability},
                                   {"default_shots", info.defaultShots},
                                   {"source", info.source},
                                   {"description", info.description}});
        table.add({info.name, info.category, std::to_string(info.defaultShots), info.source});
        descriptions += fmt::format("{}\n  {}\n", info.name, wrapText(info.description, 2, 2));
        if (common.quiet && !common.json)
            printOut(info.name + "\n");
    }
    if (common.json)
        printJson(report);
    else if (!common.quiet)
        printOut(table.text() + "\n"
                 + (common.verbose > 0 ? descriptions
                                       : "'kvviz tasks show NAME' prints a prompt, -v describes the tasks.\n"));
    return 0;
}

std::string segmentName(const core::Segment& segment)
{
    const std::string name(segmentKindName(segment.kind));
    return segment.kind == core::SegmentKind::shot ? fmt::format("{} {}", name, segment.index) : name;
}

/// Shots alternate between two colours, so that their boundaries can be seen.
std::string_view colorOf(const core::Segment& segment)
{
    static constexpr std::array<std::string_view, 7> kColors{"\033[2m",  "\033[35m", "\033[35m", "\033[36m",
                                                             "\033[33m", "\033[32m", "\033[2m"};
    if (segment.kind == core::SegmentKind::shot && segment.index % 2 == 1)
        return "\033[34m";
    return kColors.at(static_cast<std::size_t>(segment.kind));
}

/// Control characters of a data file shown by their number, so that they cannot command a terminal.
std::string harmless(const std::string& text)
{
    std::string result;
    for (const char c : text) {
        const bool control = (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
        result += control ? fmt::format("<{:02X}>", static_cast<unsigned char>(c)) : std::string(1, c);
    }
    return result;
}

std::string markedText(const datasets::Prompt& prompt, bool color)
{
    std::string result;
    for (const core::Segment& segment : prompt.segments) {
        const std::string text = prompt.text.substr(static_cast<std::size_t>(segment.span.begin),
                                                    static_cast<std::size_t>(segment.span.size()));
        result += color ? fmt::format("{}{}\033[0m", colorOf(segment), harmless(text))
                        : fmt::format("[{}|{}]", segmentName(segment), text);
    }
    return result;
}

Json toJson(const datasets::Prompt& prompt)
{
    Json segments = Json::array();
    for (const core::Segment& segment : prompt.segments)
        segments.push_back({{"kind", segmentKindName(segment.kind)},
                            {"index", segment.index},
                            {"begin", segment.span.begin},
                            {"end", segment.span.end},
                            {"label", segment.label}});
    return {{"task", prompt.task},     {"id", prompt.id},         {"text", prompt.text}, {"segments", segments},
            {"target", prompt.target}, {"answer", prompt.answer}, {"stops", prompt.stops}};
}

int showPrompt(const TasksOptions& options, const CommonOptions& common)
{
    const std::unique_ptr<datasets::Task> task = datasets::openTask(options.name, taskOptions(options));
    const datasets::Prompt prompt = task->prompt(options.index);
    for (const std::string& sentence : ignoredOptions(options, {task->info()}))
        note(common, sentence);
    if (common.json) {
        Json report = jsonReport("tasks");
        report["prompt"] = toJson(prompt);
        printJson(report);
        return 0;
    }
    std::string text = markedText(prompt, useColor(common, STDOUT_FILENO));
    if (!text.ends_with('\n'))
        text += '\n';
    printOut(text);
    note(common, fmt::format("\n{}: {} bytes, {} segments; answer: {}", prompt.id, prompt.text.size(),
                             prompt.segments.size(), prompt.answer));
    return 0;
}

} // namespace

int runTasks(const TasksOptions& options, const CommonOptions& common)
{
    return options.action == "show" ? showPrompt(options, common) : listTasks(common);
}

} // namespace kvviz::app
