// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The list of tasks. A new task is its file pair and one line here.
#include "core/error.hpp"
#include "core/text.hpp"
#include "datasets/addition.hpp"
#include "datasets/commonsenseqa.hpp"
#include "datasets/gsm8k.hpp"
#include "datasets/mmlu.hpp"
#include "datasets/needle.hpp"
#include "datasets/needle_alice.hpp"
#include "datasets/opposites.hpp"
#include "datasets/sentiment.hpp"

#include <fmt/format.h>

namespace kvviz::datasets {
namespace {

struct Entry {
    TaskInfo (*describe)();
    std::unique_ptr<Task> (*open)(const TaskOptions& options);
};

template <typename SomeTask>
constexpr Entry entry()
{
    return {&SomeTask::describe,
            [](const TaskOptions& options) -> std::unique_ptr<Task> { return std::make_unique<SomeTask>(options); }};
}

constexpr Entry kEntries[] = {
    entry<AdditionTask>(), entry<SentimentTask>(),     entry<OppositesTask>(), entry<NeedleTask>(),
    entry<Gsm8kTask>(),    entry<CommonsenseQaTask>(), entry<MmluTask>(),      entry<NeedleAliceTask>(),
};

} // namespace

const std::vector<TaskInfo>& taskList()
{
    static const std::vector<TaskInfo> list = [] {
        std::vector<TaskInfo> infos;
        for (const Entry& known : kEntries)
            infos.push_back(known.describe());
        return infos;
    }();
    return list;
}

std::unique_ptr<Task> openTask(const std::string& name, const TaskOptions& options)
{
    std::vector<std::string> names;
    for (const Entry& known : kEntries) {
        names.push_back(known.describe().name);
        if (names.back() == name)
            return known.open(options);
    }
    const std::string nearest = core::nearestName(name, names);
    throw core::Error(core::ErrorCode::usage,
                      nearest.empty() ? fmt::format("there is no task '{}'; known are {}", name, fmt::join(names, ", "))
                                      : fmt::format("there is no task '{}'; did you mean '{}'?", name, nearest));
}

} // namespace kvviz::datasets
