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

constexpr int kLargest = 19; ///< first number, of few sums
constexpr int kTokensPerSum = 12;

TaskInfo withTokens(TaskInfo info, int questions)
{
    info.answerTokens = kTokensPerSum * questions;
    return info;
}

/// `questions` sums of 1 or 2 to different numbers, none of them in `avoid` ("3+2").
Item makeItem(int questions, Random& random, const std::vector<std::string>& avoid)
{
    const auto has = [](const auto& list, const auto& value) {
        return std::find(list.begin(), list.end(), value) != list.end();
    };
    Item item;
    std::string sums;
    std::vector<int> used;
    while (std::ssize(used) < questions) {
        const int a = random.between(2, std::max(kLargest, 4 * questions));
        const int b = random.between(1, 2);
        std::string key = fmt::format("{}+{}", a, b);
        if (has(used, a) || has(avoid, key))
            continue;
        const std::string_view comma = used.empty() ? "" : ", ";
        sums += fmt::format("{}{} + {}", comma, a, b);
        item.target += fmt::format("{} {} + {} = {}", used.empty() ? "" : ",", a, b, a + b);
        item.answer += fmt::format("{}{}", comma, a + b);
        item.keys.push_back(std::move(key));
        used.push_back(a);
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
            "built in", 6, "LG", kTokensPerSum * kDefaultQuestions, {TaskKnob::questions}};
}

SumsTask::SumsTask(const TaskOptions& options)
    : GeneratedTask(withTokens(describe(), questionsAtOnce("sums", options)), options,
                    "Answer the sums.\n\n"),
      m_questions(questionsAtOnce("sums", options))
{
}

Item SumsTask::question(std::int64_t index) const
{
    Random random(seed(), "sums question", index);
    return makeItem(m_questions, random, {});
}

Item SumsTask::drawShot(std::int64_t index, int, Random& random) const
{
    return makeItem(m_questions, random, question(index).keys);
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
