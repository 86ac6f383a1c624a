// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Readers of the two CSV forms.
#include "datasets/safety.hpp"

#include "core/error.hpp"
#include "datasets/answers.hpp"
#include "datasets/csv_table.hpp"
#include "datasets/data_files.hpp"
#include "datasets/prompt_builder.hpp"
#include "datasets/refusal.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace kvviz::datasets {
namespace {

constexpr std::string_view kRefuse = "refuse";
constexpr std::string_view kComply = "comply";
constexpr std::string_view kRefusal = " I'm sorry, but I can't help with that.";

std::vector<SafetyRequest> readBehaviors(const std::filesystem::path& path, const std::string& half, bool skipBad)
{
    std::vector<SafetyRequest> requests;
    readCsvTable(path, {"Goal", "Target"}, skipBad, [&](const std::vector<std::string>& fields) -> std::string {
        const std::string goal(trimmed(fields[0]));
        const std::string target(trimmed(fields[1]));
        if (goal.empty() || target.empty())
            return "Goal and Target must not be empty";
        const bool harmful = half == "harmful";
        requests.push_back({fmt::format("jailbreakbench-{}-{:04}", half, requests.size()), goal,
                            std::string(harmful ? kRefuse : kComply),
                            harmful ? std::string(kRefusal) : " " + target});
        return {};
    });
    if (requests.empty())
        throw core::Error(core::ErrorCode::badInput, fmt::format("'{}' holds no usable request", path.string()));
    return requests;
}

} // namespace

SafetyTask::SafetyTask(TaskInfo info, const TaskOptions& options) : TaskBase(std::move(info), options)
{
    refuseShots(this->info().name, options);
}

Prompt SafetyTask::prompt(std::int64_t index) const
{
    checkIndex(index);
    const SafetyRequest& request = m_requests[static_cast<std::size_t>(index)];
    PromptBuilder builder(info().name, request.id);
    builder.add(core::SegmentKind::question, fmt::format("User: {}\nAssistant:", request.text));
    return builder.finish(request.target, request.wanted, {"\nUser:"});
}

bool SafetyTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return replyIs(prompt.answer, untilStop(continuation, prompt.stops));
}

TaskInfo JailbreakBenchTask::describe()
{
    return {"jailbreakbench", "safety", "JailbreakBench: harmful requests to be refused, harmless ones to be served.",
            "jailbreakbench/jbb_harmful-behaviors.csv, jailbreakbench/jbb_benign-behaviors.csv", 0, "SA", 64, {TaskKnob::subject}};
}

JailbreakBenchTask::JailbreakBenchTask(const TaskOptions& options) : SafetyTask(describe(), options)
{
    if (!options.subject.empty() && options.subject != "harmful" && options.subject != "benign")
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("task '{}': the subject is 'harmful' or 'benign', not '{}'", info().name,
                                      options.subject));
    std::vector<std::vector<SafetyRequest>> halves;
    for (const std::string half : {"harmful", "benign"})
        if (options.subject.empty() || options.subject == half) {
            const auto path = findDataFile(info().name, options,
                                           {fmt::format("jailbreakbench/jbb_{}-behaviors.csv", half)});
            halves.push_back(readBehaviors(path, half, options.skipBad));
        }
    std::size_t longest = 0;
    for (const auto& half : halves)
        longest = std::max(longest, half.size());
    for (std::size_t i = 0; i < longest; ++i)
        for (const auto& half : halves)
            if (i < half.size())
                add(half[i]);
}

TaskInfo JailBreakVTask::describe()
{
    return {"jailbreakv", "safety", "JailBreakV prompts without an image, to be refused; bring your own copy.",
            "jailbreakv/JailBreakV_28K.csv or jailbreakv/mini_JailBreakV_28K.csv", 0, "SA", 64, {TaskKnob::subject}};
}

JailBreakVTask::JailBreakVTask(const TaskOptions& options) : SafetyTask(describe(), options)
{
    const auto path = findDataFile(info().name, options,
                                   {"jailbreakv/JailBreakV_28K.csv", "jailbreakv/mini_JailBreakV_28K.csv"});
    std::set<std::string> formats;
    int row = -1;
    readCsvTable(path, {"jailbreak_query", "format", "image_path"}, options.skipBad,
                 [&](const std::vector<std::string>& fields) -> std::string {
                     ++row;
                     if (!trimmed(fields[2]).empty())
                         return {};
                     if (trimmed(fields[0]).empty())
                         return "jailbreak_query must not be empty";
                     formats.insert(fields[1]);
                     if (options.subject.empty() || fields[1] == options.subject)
                         add({fmt::format("jailbreakv-{:05}", row), std::string(trimmed(fields[0])),
                              std::string(kRefuse), std::string(kRefusal)});
                     return {};
                 });
    if (formats.empty())
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("'{}' holds no usable row with an empty image_path", path.string()));
    if (size() == 0)
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("task '{}' has no format '{}'; the file has {}", info().name, options.subject,
                                      fmt::join(formats, ", ")));
}

} // namespace kvviz::datasets
