// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Prompts of K questions and the score of their answers.
#include "datasets/longgen.hpp"

#include "core/error.hpp"
#include "datasets/answers.hpp"
#include "datasets/data_files.hpp"
#include "datasets/prompt_builder.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::datasets {
namespace {

constexpr int kStandardShots = 8;
constexpr int kTokensPerAnswer = 128;
constexpr std::string_view kMark = "Answer_";

/// One sentence a line, as in the examples of the benchmark.
std::string inLines(const std::string& chain)
{
    std::string text = chain;
    for (std::size_t at = text.find(". "); at != std::string::npos; at = text.find(". ", at + 1))
        text[at + 1] = '\n';
    return text;
}

TaskInfo withTokens(TaskInfo info, int questions)
{
    info.answerTokens = kTokensPerAnswer * questions;
    return info;
}

/// The number at the start of `text`, which is moved past it and its colon; 0 for none.
int takeNumber(std::string_view& text)
{
    int number = 0;
    std::size_t end = 0;
    for (; end < text.size() && end < 4 && text[end] >= '0' && text[end] <= '9'; ++end)
        number = 10 * number + (text[end] - '0');
    text.remove_prefix(std::min(end + (text.substr(end).starts_with(':') ? 1 : 0), text.size()));
    return number;
}

} // namespace

std::vector<std::pair<int, std::string_view>> numberedAnswers(std::string_view output)
{
    std::vector<std::pair<int, std::string_view>> answers;
    int number = 1;
    while (true) {
        const std::size_t mark = output.find(kMark);
        const bool known = std::any_of(answers.begin(), answers.end(),
                                       [&](const auto& answer) { return answer.first == number; });
        const std::string_view piece = output.substr(0, mark);
        // An output that repeats the mark of question 1 has nothing before it.
        if (number > 0 && !known && !trimmed(piece).empty())
            answers.emplace_back(number, piece);
        if (mark == std::string_view::npos)
            return answers;
        output.remove_prefix(mark + kMark.size());
        number = takeNumber(output);
    }
}

TaskInfo LongGenTask::describe()
{
    return {"longgen", "long-context generation",
            "Several GSM8K problems in one prompt; the score is the part answered rightly.",
            "gsm8k/test.jsonl, gsm8k_prompts/prompt_original.txt, gsm8k/train_first1000.jsonl (more than 8 shots)",
            kStandardShots, "LG", kTokensPerAnswer * kDefaultQuestions, {TaskKnob::questions}};
}

LongGenTask::LongGenTask(const TaskOptions& options)
    : TaskBase(withTokens(describe(), questionsAtOnce("longgen", options)), options),
      m_atOnce(questionsAtOnce("longgen", options))
{
    const auto path = findDataFile(info().name, options, {"gsm8k/test.jsonl"});
    m_shots = readWorkedShots(options, info().name, shots());
    m_questions = readWorkedProblems(path, options.skipBad);
    if (size() == 0)
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("task '{}': a prompt asks {} questions, '{}' holds {}", info().name, m_atOnce,
                                      path.string(), m_questions.size()));
}

Prompt LongGenTask::prompt(std::int64_t index) const
{
    checkIndex(index);
    PromptBuilder builder(info().name, promptId(index));
    builder.add(core::SegmentKind::instruction,
                "Answer each question step by step, in the format of the examples.\n\n");
    for (std::size_t i = 0; i < m_shots.size(); ++i)
        builder.add(core::SegmentKind::shot,
                    fmt::format("{}Question_{}: {}\n\n", i == 0 ? "Examples:\n" : "", i + 1, m_shots[i].question),
                    fmt::format("example question {}", i + 1));
    for (std::size_t i = 0; i < m_shots.size(); ++i)
        builder.add(core::SegmentKind::shot, fmt::format("Answer_{}: {}\n\n", i + 1, inLines(m_shots[i].chain)),
                    fmt::format("example answer {}", i + 1));
    std::string target;
    std::string answer;
    const WorkedProblem* asked = m_questions.data() + index * m_atOnce;
    for (int i = 1; i <= m_atOnce; ++i, ++asked) {
        builder.add(core::SegmentKind::question,
                    fmt::format("{}Question_{}: {}\n\n{}", i == 1 ? "Following Question:\n" : "", i, asked->question,
                                i == m_atOnce ? "Answer_1:" : ""),
                    fmt::format("question {}", i));
        target += fmt::format("{} {}", i == 1 ? "" : fmt::format("\n\nAnswer_{}:", i), inLines(asked->chain));
        answer += (i == 1 ? "" : ", ") + asked->answer;
    }
    return builder.finish(std::move(target), std::move(answer), {"Question_"});
}

bool LongGenTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return score(prompt, continuation) == 1;
}

double LongGenTask::score(const Prompt& prompt, const std::string& continuation) const
{
    std::vector<std::string> wanted;
    for (std::string_view rest = prompt.answer; !rest.empty();) {
        const std::size_t end = std::min(rest.find(", "), rest.size());
        wanted.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 2, rest.size()));
    }
    int right = 0;
    for (const auto& [number, text] : numberedAnswers(untilStop(continuation, prompt.stops)))
        if (number <= std::ssize(wanted))
            right += extractAnswerNumber(text) == wanted[static_cast<std::size_t>(number - 1)];
    return right / static_cast<double>(wanted.size());
}

} // namespace kvviz::datasets
