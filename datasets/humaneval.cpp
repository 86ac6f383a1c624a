// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// HumanEval in the form of lm-evaluation-harness: the prompt as it is. Shots, which the data set does not have, are the
// problems that follow the one asked, solved.
#include "datasets/humaneval.hpp"

#include "core/error.hpp"
#include "datasets/answers.hpp"
#include "datasets/code_sandbox.hpp"
#include "datasets/data_files.hpp"
#include "datasets/jsonl.hpp"
#include "datasets/prompt_builder.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <utility>

namespace kvviz::datasets {
namespace {

/// False if a field is empty or the name to test is no Python name.
bool toProblem(const nlohmann::json& object, CodeProblem& problem)
{
    problem.prompt = object.at("prompt").get<std::string>();
    problem.solution = object.at("canonical_solution").get<std::string>();
    problem.test = object.at("test").get<std::string>();
    problem.entryPoint = object.at("entry_point").get<std::string>();
    const bool named = !problem.entryPoint.empty()
                       && std::all_of(problem.entryPoint.begin(), problem.entryPoint.end(), [](unsigned char c) {
                              return std::isalnum(c) != 0 || c == '_';
                          });
    return named && !trimmed(problem.prompt).empty() && !trimmed(problem.solution).empty() && !problem.test.empty();
}

} // namespace

std::string testProgram(const CodeProblem& problem, std::string_view completion)
{
    return fmt::format("{}{}\n{}\ncheck({})\n", problem.prompt, completion, problem.test, problem.entryPoint);
}

TaskInfo HumanEvalTask::describe()
{
    return {"humaneval", "code", "HumanEval: functions to be completed, judged by running their tests if allowed.",
            "humaneval/HumanEval.jsonl.gz or humaneval/HumanEval.jsonl", 0, "CG", 384};
}

HumanEvalTask::HumanEvalTask(const TaskOptions& options)
    : TaskBase(describe(), options), m_mayRun(options.allowCodeExecution)
{
    const auto path = findDataFile(info().name, options, {"humaneval/HumanEval.jsonl.gz", "humaneval/HumanEval.jsonl"});
    readJsonLines(path, R"({"prompt": "...", "entry_point": "name", "canonical_solution": "...", "test": "..."})",
                  options.skipBad, [&](const nlohmann::json& object) {
                      CodeProblem problem;
                      const bool good = toProblem(object, problem);
                      if (good)
                          m_problems.push_back(std::move(problem));
                      return good;
                  });
    if (shots() >= size())
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("task '{}': {} shots were asked for, '{}' holds {} problems", info().name,
                                      shots(), path.string(), size()));
}

Prompt HumanEvalTask::prompt(std::int64_t index) const
{
    checkIndex(index);
    PromptBuilder builder(info().name, promptId(index));
    for (std::int64_t shot = 1; shot <= shots(); ++shot) {
        const CodeProblem& shown = m_problems[static_cast<std::size_t>((index + shot) % size())];
        builder.add(core::SegmentKind::shot, fmt::format("{}{}\n\n", shown.prompt, shown.solution));
    }
    const CodeProblem& asked = m_problems[static_cast<std::size_t>(index)];
    builder.add(core::SegmentKind::question, asked.prompt);
    return builder.finish(asked.solution, asked.entryPoint, {"\nclass", "\ndef", "\n#", "\nif", "\nprint"});
}

std::string HumanEvalTask::obstacle() const
{
    if (!m_mayRun)
        return "not run: the answers are programs, and running them was not allowed (--allow-code-execution)";
    return findPython().empty() ? "not run: there is no 'python3' in PATH" : "";
}

bool HumanEvalTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    if (const std::string why = obstacle(); !why.empty())
        throw core::Error(core::ErrorCode::usage, fmt::format("task '{}': {}", info().name, why));
    const std::string_view asked =
        std::string_view(prompt.text).substr(static_cast<std::size_t>(prompt.segments.back().span.begin));
    const auto problem = std::find_if(m_problems.begin(), m_problems.end(),
                                      [&](const CodeProblem& known) { return known.prompt == asked; });
    if (problem == m_problems.end())
        throw core::Error(core::ErrorCode::failure, fmt::format("task '{}' has no such prompt", info().name));
    return runPython(testProgram(*problem, untilStop(continuation, prompt.stops))).result == RunResult::passed;
}

} // namespace kvviz::datasets
