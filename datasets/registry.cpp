// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The list of tasks. A new task is its file pair and one line here.
#include "core/error.hpp"
#include "core/text.hpp"
#include "datasets/addition.hpp"
#include "datasets/code_lines.hpp"
#include "datasets/commonsenseqa.hpp"
#include "datasets/documents.hpp"
#include "datasets/everyday.hpp"
#include "datasets/facts.hpp"
#include "datasets/gsm8k.hpp"
#include "datasets/hotpotqa.hpp"
#include "datasets/humaneval.hpp"
#include "datasets/longgen.hpp"
#include "datasets/mmlu.hpp"
#include "datasets/needle.hpp"
#include "datasets/needle_alice.hpp"
#include "datasets/opposites.hpp"
#include "datasets/requests.hpp"
#include "datasets/ruler.hpp"
#include "datasets/safety.hpp"
#include "datasets/sentiment.hpp"
#include "datasets/sums.hpp"

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
    entry<FactsTask>(),
    entry<EverydayTask>(),
    entry<AdditionTask>(),
    entry<CodeLinesTask>(),
    entry<RequestsTask>(),
    entry<NeedleTask>(),
    entry<SumsTask>(),
    entry<DocumentsTask>(),
    entry<SentimentTask>(),
    entry<OppositesTask>(),
    entry<Gsm8kTask>(),
    entry<LongGenTask>(),
    entry<CommonsenseQaTask>(),
    entry<MmluTask>(),
    entry<HumanEvalTask>(),
    entry<JailbreakBenchTask>(),
    entry<JailBreakVTask>(),
    entry<NeedleAliceTask>(),
    entry<RulerTask>(),
    entry<HotpotQaTask>(),
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
                      nearest.empty() ? fmt::format("there is no task '{}'; known are {}", core::shown(name), fmt::join(names, ", "))
                                      : fmt::format("there is no task '{}'; did you mean '{}'?", core::shown(name), nearest));
}

} // namespace kvviz::datasets
