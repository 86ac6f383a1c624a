// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A step as a command line, a file and words.
#include "datasets/task.hpp"
#include "study/study_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace kvviz::study {

int knownShots(const std::string& task, int shots)
{
    for (const datasets::TaskInfo& info : datasets::taskList())
        if (info.name == task && shots < 0)
            return info.defaultShots;
    return shots;
}

std::string EvalStep::file(int usedShots) const
{
    if (isBench())
        return fmt::format("{}/bench.json", modelLabel);
    std::string name = key;
    if (usedShots != shots)
        name = fmt::format("{}-{}shots", task, usedShots);
    return fmt::format("{}/{}.kvres.h5", modelLabel, name);
}

std::vector<std::string> EvalStep::arguments(int usedShots, const std::string& output) const
{
    std::vector<std::string> list{isBench() ? "bench" : "eval",
                                  "--methods", fmt::format("{}", fmt::join(methods, ";")),
                                  "--ratios", fmt::format("{}", fmt::join(ratios, ",")),
                                  isBench() ? "--repeat" : "--limit", std::to_string(limit),
                                  "--seed", std::to_string(seed)};
    const auto add = [&](const char* name, const std::string& value) { list.insert(list.end(), {name, value}); };
    if (isBench()) {
        add("--lengths", lengths);
        if (!model.empty())
            add("--model", model);
        list.emplace_back("--json");
        return list;
    }
    add("--task", task);
    if (usedShots != knownShots(task, -1)) // a task's own number is no setting of the run
        add("--shots", std::to_string(usedShots));
    if (questions > 0)
        add("--questions", std::to_string(questions));
    if (!dataDir.empty())
        add("--data-dir", dataDir);
    if (!model.empty())
        add("--model", model);
    if (allowCodeExecution)
        list.emplace_back("--allow-code-execution");
    add("-o", output);
    return list;
}

std::int64_t EvalStep::answers() const
{
    const auto cells = static_cast<std::int64_t>(methods.size() * ratios.size());
    if (isBench()) // long answers, each timed alone
        return 50 * limit * (1 + cells);
    return limit * (1 + (methods == std::vector<std::string>{"fullkv"} ? 0 : cells));
}

std::string EvalStep::settings() const { return fmt::format("{}", fmt::join(arguments(shots, ""), "\n")); }

std::string EvalStep::label() const
{
    if (isBench())
        return "latency at " + lengths;
    std::string text = task;
    if (shots >= 0)
        text += fmt::format(", {} {}", shots, shots == 1 ? "shot" : "shots");
    return questions > 0 ? fmt::format("{}, {} questions", text, questions) : text;
}

} // namespace kvviz::study
