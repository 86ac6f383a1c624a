// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// GSM8K in the form of lm-evaluation-harness: "Q: ...\nA: ..." with a blank line between shots.
#include "datasets/gsm8k.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "datasets/answers.hpp"
#include "datasets/data_files.hpp"
#include "datasets/jsonl.hpp"
#include "datasets/prompt_builder.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

namespace kvviz::datasets {
namespace {

/// Shots of the standard prompt; beyond, the training file is used.
constexpr int kStandardShots = 8;

/// The first line of `rest`, trimmed and taken off it.
std::string_view takeLine(std::string_view& rest)
{
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    return core::trimmed(line);
}

std::string withoutMarks(std::string_view text)
{
    std::string result;
    while (true) {
        const std::size_t open = text.find("<<");
        const std::size_t close = text.find(">>", std::min(open, text.size()));
        if (close == std::string_view::npos)
            return result.append(text);
        result += text.substr(0, open);
        text.remove_prefix(close + 2);
    }
}

void appendSentence(std::string& chain, std::string_view sentence)
{
    if (sentence.empty())
        return;
    if (!chain.empty())
        chain += ' ';
    chain += sentence;
    if (std::string_view(".!?:;,").find(chain.back()) == std::string_view::npos)
        chain += '.';
}

} // namespace

std::vector<WorkedProblem> readWorkedProblems(const std::filesystem::path& path, bool skipBad)
{
    std::vector<WorkedProblem> problems;
    readJsonLines(path, R"({"question": "...", "answer": "... #### N"})", skipBad, [&](const nlohmann::json& object) {
        WorkedProblem problem;
        problem.question = object.at("question").get<std::string>();
        const bool good = !problem.question.empty()
                          && chainFromAnswer(object.at("answer").get<std::string>(), problem);
        if (good)
            problems.push_back(std::move(problem));
        return good;
    });
    return problems;
}

std::vector<WorkedProblem> readWorkedShots(const TaskOptions& options, const std::string& task, int shots)
{
    if (shots == 0)
        return {};
    const bool standard = shots <= kStandardShots;
    const auto path = standard ? findDataFile(task, options, {"gsm8k_prompts/prompt_original.txt"})
                               : findDataFile(task, options,
                                              {"gsm8k/train.jsonl", "gsm8k/train_first1000.jsonl"});
    std::vector<WorkedProblem> examples =
        standard ? readChainExamples(path) : readWorkedProblems(path, options.skipBad);
    if (std::ssize(examples) < shots)
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("task '{}': {} shots were asked for, '{}' holds {}", task, shots,
                                      path.string(), examples.size()));
    examples.resize(static_cast<std::size_t>(shots));
    return examples;
}

bool chainFromAnswer(const std::string& worked, WorkedProblem& problem)
{
    const std::size_t mark = worked.rfind("####");
    if (mark == std::string::npos)
        return false;
    std::string_view printed = std::string_view(worked).substr(mark + 4);
    const auto answer = normalizedNumber(printed);
    if (!answer)
        return false;
    const std::string plain = withoutMarks(std::string_view(worked).substr(0, mark));
    std::string_view rest = plain;
    problem.chain.clear();
    while (!rest.empty())
        appendSentence(problem.chain, takeLine(rest));
    printed = takeLine(printed);
    appendSentence(problem.chain, fmt::format("The answer is {}.", printed));
    problem.answer = *answer;
    return true;
}

std::vector<WorkedProblem> readChainExamples(const std::filesystem::path& path)
{
    const std::string bytes = readWholeFile(path);
    std::string_view rest = bytes;
    std::vector<WorkedProblem> examples;
    std::int64_t number = 0;
    const auto expect = [&](bool good, std::string_view what) {
        if (!good)
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("'{}', line {}: expected {}", path.string(), number, what));
    };
    const auto nextLine = [&] {
        ++number;
        return takeLine(rest);
    };
    expect(core::isUtf8(bytes), "UTF-8 text");
    while (!rest.empty()) {
        std::string_view line = nextLine();
        if (line.empty())
            continue;
        constexpr std::string_view kQuestion = "Question: ";
        expect(line.starts_with(kQuestion), "a line 'Question: ...'");
        WorkedProblem problem{std::string(line.substr(kQuestion.size())), {}, {}};
        line = nextLine();
        expect(line.starts_with("Let's think step by step"), "the line 'Let's think step by step'");
        std::string_view last;
        for (line = nextLine(); !line.empty(); line = nextLine()) {
            appendSentence(problem.chain, line);
            last = line;
        }
        const auto answer = extractAnswerNumber(last);
        expect(last.starts_with("The answer is ") && answer,
               "'The answer is N.' as the last line of the example before");
        problem.answer = *answer;
        examples.push_back(std::move(problem));
    }
    return examples;
}

TaskInfo Gsm8kTask::describe()
{
    return {"gsm8k", "arithmetic", "GSM8K word problems with chain-of-thought shots (1 to 8 standard, up to 1000).",
            "gsm8k/test.jsonl, gsm8k_prompts/prompt_original.txt, gsm8k/train_first1000.jsonl (more than 8 shots)",
            kStandardShots, "AR", 256};
}

Gsm8kTask::Gsm8kTask(const TaskOptions& options) : TaskBase(describe(), options)
{
    const auto path = findDataFile(info().name, options, {"gsm8k/test.jsonl"});
    m_shots = readWorkedShots(options, info().name, shots());
    m_questions = readWorkedProblems(path, options.skipBad);
}

Prompt Gsm8kTask::prompt(std::int64_t index) const
{
    checkIndex(index);
    const WorkedProblem& asked = m_questions[static_cast<std::size_t>(index)];
    PromptBuilder builder(info().name, promptId(index));
    for (const WorkedProblem& shot : m_shots)
        builder.add(core::SegmentKind::shot, fmt::format("Q: {}\nA: {}\n\n", shot.question, shot.chain));
    builder.add(core::SegmentKind::question, fmt::format("Q: {}\nA:", asked.question));
    return builder.finish(" " + asked.chain, asked.answer, {"Q:"});
}

bool Gsm8kTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return extractAnswerNumber(untilStop(continuation, prompt.stops)) == prompt.answer;
}

} // namespace kvviz::datasets
