// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A line of K questions and a line of K answers.
#include "datasets/sums.hpp"

#include "datasets/answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace kvviz::datasets {
namespace {

constexpr int kLargest = 9;
constexpr int kTokensPerSum = 12;

TaskInfo withTokens(TaskInfo info, int questions)
{
    info.answerTokens = kTokensPerSum * questions;
    return info;
}

Item makeItem(int questions, Random& random)
{
    Item item;
    std::string sums;
    for (int i = 0; i < questions; ++i) {
        const int a = random.between(2, kLargest);
        const int b = random.between(2, kLargest);
        const std::string_view comma = i == 0 ? "" : ", ";
        sums += fmt::format("{}{} + {}", comma, a, b);
        item.target += fmt::format("{} {} + {} = {}", i == 0 ? "" : ",", a, b, a + b);
        item.answer += fmt::format("{}{}", comma, a + b);
    }
    item.target += ".";
    item.question = fmt::format("Sums: {}\nAnswers:", sums);
    return item;
}

/// The parts of a list with commas.
std::vector<std::string_view> parts(std::string_view list)
{
    std::vector<std::string_view> result;
    while (true) {
        const std::size_t comma = list.find(',');
        result.push_back(list.substr(0, comma));
        if (comma == std::string_view::npos)
            return result;
        list.remove_prefix(comma + 1);
    }
}

} // namespace

TaskInfo SumsTask::describe()
{
    return {"sums", "long-context generation", "Several small sums asked at once; the score is the part that is right.",
            "built in", 4, "LG", kTokensPerSum * kDefaultQuestions};
}

SumsTask::SumsTask(const TaskOptions& options)
    : GeneratedTask(withTokens(describe(), questionsAtOnce("sums", options)), options,
                    "Answer the sums of each line.\n\n"),
      m_questions(questionsAtOnce("sums", options))
{
}

Item SumsTask::question(std::int64_t index) const
{
    Random random(seed(), "sums question", index);
    return makeItem(m_questions, random);
}

Item SumsTask::drawShot(std::int64_t, int, Random& random) const
{
    return makeItem(m_questions, random);
}

bool SumsTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return score(prompt, continuation) == 1;
}

double SumsTask::score(const Prompt& prompt, const std::string& continuation) const
{
    const auto wanted = parts(prompt.answer);
    const auto given = parts(untilStop(continuation, prompt.stops));
    int right = 0;
    for (std::size_t i = 0; i < std::min(wanted.size(), given.size()); ++i)
        right += lastNumber(given[i]) == normalizedNumber(wanted[i]);
    return right / static_cast<double>(wanted.size());
}

} // namespace kvviz::datasets
