// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// CommonsenseQA in the form of lm-evaluation-harness.
#include "datasets/commonsenseqa.hpp"

#include "core/error.hpp"
#include "datasets/answers.hpp"
#include "datasets/data_files.hpp"
#include "datasets/jsonl.hpp"
#include "datasets/prompt_builder.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <utility>

namespace kvviz::datasets {
namespace {

constexpr std::size_t kChoices = 5;
constexpr char kLastLetter = 'E';

/// False unless the labels are A to E in order and the key is one of them.
bool toQuestion(const nlohmann::json& object, ChoiceQuestion& result)
{
    const nlohmann::json& question = object.at("question");
    const auto key = object.at("answerKey").get<std::string>();
    result.question = "Question: " + question.at("stem").get<std::string>();
    char letter = 'A';
    for (const nlohmann::json& choice : question.at("choices")) {
        if (choice.at("label").get<std::string>() != std::string(1, letter++))
            return false;
        result.choices.push_back(choice.at("text").get<std::string>());
    }
    result.answer = key.empty() ? '?' : key.front();
    return key.size() == 1 && result.choices.size() == kChoices && result.answer >= 'A' && result.answer <= kLastLetter;
}

std::vector<ChoiceQuestion> readQuestions(const std::filesystem::path& path, bool skipBad)
{
    std::vector<ChoiceQuestion> questions;
    readJsonLines(path,
                  R"({"answerKey": "A".."E", "question": {"stem": "...", "choices": five {"label", "text"}, A to E}})",
                  skipBad, [&](const nlohmann::json& object) {
                      ChoiceQuestion question;
                      const bool good = toQuestion(object, question);
                      if (good)
                          questions.push_back(std::move(question));
                      return good;
                  });
    return questions;
}

} // namespace

TaskInfo CommonsenseQaTask::describe()
{
    return {"commonsenseqa", "commonsense", "CommonsenseQA questions with five choices.",
            "commonsenseqa/dev_rand_split.jsonl, commonsenseqa/train_rand_split_first200.jsonl (shots)", 4, "CSR", 8};
}

CommonsenseQaTask::CommonsenseQaTask(const TaskOptions& options) : TaskBase(describe(), options)
{
    const auto path = findDataFile(info().name, options, {"commonsenseqa/dev_rand_split.jsonl"});
    if (shots() > 0) {
        const auto train = findDataFile(
            info().name, options,
            {"commonsenseqa/train_rand_split.jsonl", "commonsenseqa/train_rand_split_first200.jsonl"});
        m_shots = readQuestions(train, options.skipBad);
        if (std::ssize(m_shots) < shots())
            throw core::Error(core::ErrorCode::usage,
                              fmt::format("task '{}': {} shots were asked for, '{}' holds {}", info().name, shots(),
                                          train.string(), m_shots.size()));
        m_shots.resize(static_cast<std::size_t>(shots()));
    }
    m_questions = readQuestions(path, options.skipBad);
}

Prompt CommonsenseQaTask::prompt(std::int64_t index) const
{
    checkIndex(index);
    const ChoiceQuestion& asked = m_questions[static_cast<std::size_t>(index)];
    PromptBuilder builder(info().name, promptId(index));
    for (const ChoiceQuestion& shot : m_shots)
        builder.add(core::SegmentKind::shot, choiceShot(shot));
    builder.add(core::SegmentKind::question, choiceText(asked));
    return builder.finish(std::string{' ', asked.answer}, std::string(1, asked.answer), {"\n"});
}

bool CommonsenseQaTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return extractChoice(untilStop(continuation, prompt.stops), kLastLetter) == prompt.answer.front();
}

} // namespace kvviz::datasets
