// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// HotpotQA in the prompt form of LongBench.
#include "datasets/hotpotqa.hpp"

#include "datasets/answers.hpp"
#include "datasets/data_files.hpp"
#include "datasets/json_array.hpp"
#include "datasets/prompt_builder.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace kvviz::datasets {
namespace {

constexpr std::string_view kTask =
    "Answer the question based on the given passages. Only give me the answer and do not output any other words.\n\n";

/// ["title", ["sentence", ...]]; empty sentences, which the data set has, are left out.
HotpotRecord::Paragraph toParagraph(const nlohmann::json& context, const nlohmann::json& facts)
{
    HotpotRecord::Paragraph paragraph{context.at(0).get<std::string>(), {}, {}};
    const auto& sentences = context.at(1);
    for (std::size_t i = 0; i < sentences.size(); ++i) {
        auto sentence = sentences.at(i).get<std::string>();
        if (trimmed(sentence).empty())
            continue;
        const bool evidence = std::any_of(facts.begin(), facts.end(), [&](const nlohmann::json& fact) {
            return fact.at(0).get<std::string>() == paragraph.title && fact.at(1).get<std::size_t>() == i;
        });
        paragraph.sentences.push_back(std::move(sentence));
        paragraph.evidence.push_back(evidence);
    }
    return paragraph;
}

bool toRecord(const nlohmann::json& object, HotpotRecord& record)
{
    record.question = trimmed(object.at("question").get<std::string>());
    record.answer = trimmed(object.at("answer").get<std::string>());
    for (const nlohmann::json& context : object.at("context"))
        if (auto paragraph = toParagraph(context, object.at("supporting_facts")); !paragraph.sentences.empty())
            record.paragraphs.push_back(std::move(paragraph));
    return !record.question.empty() && !answerWords(record.answer).empty() && !record.paragraphs.empty();
}

} // namespace

TaskInfo HotpotQaTask::describe()
{
    return {"hotpotqa", "document QA", "HotpotQA questions over ten paragraphs, each sentence a unit.",
            "hotpotqa/hotpotqa_train.json or hotpotqa/hotpot_dev_distractor_v1.json", 0, "DQ", 32};
}

HotpotQaTask::HotpotQaTask(const TaskOptions& options) : TaskBase(describe(), options)
{
    refuseShots(info().name, options);
    const auto path = findDataFile(info().name, options,
                                   {"hotpotqa/hotpotqa_train.json", "hotpotqa/hotpot_dev_distractor_v1.json"});
    readJsonArray(path,
                  R"({"question": "...", "answer": "...", "supporting_facts": [["title", N], ...], )"
                  R"("context": [["title", ["sentence", ...]], ...]})",
                  options.skipBad, [&](const nlohmann::json& object) {
                      HotpotRecord record;
                      const bool good = toRecord(object, record);
                      if (good)
                          m_records.push_back(std::move(record));
                      return good;
                  });
}

Prompt HotpotQaTask::prompt(std::int64_t index) const
{
    checkIndex(index);
    const HotpotRecord& record = m_records[static_cast<std::size_t>(index)];
    PromptBuilder builder(info().name, promptId(index));
    builder.add(core::SegmentKind::instruction,
                fmt::format("{}The following are given passages.\n", kTask));
    int passage = 0;
    for (const HotpotRecord::Paragraph& paragraph : record.paragraphs) {
        ++passage;
        // The head of a passage belongs to its first sentence: without it the sentence often lacks its subject.
        std::string text = fmt::format("Passage {}:\n{}\n", passage, paragraph.title);
        for (std::size_t i = 0; i < paragraph.sentences.size(); ++i) {
            text += paragraph.sentences[i];
            if (i + 1 == paragraph.sentences.size())
                text += &paragraph == &record.paragraphs.back() ? "\n\n" : "\n";
            builder.add(core::SegmentKind::shot, text,
                        paragraph.evidence[i] ? "evidence" : fmt::format("passage {} sentence {}", passage, i + 1));
            text.clear();
        }
    }
    builder.add(core::SegmentKind::question, fmt::format("{}Question: {}\nAnswer:", kTask, record.question));
    return builder.finish(" " + record.answer, record.answer, {"\n"});
}

bool HotpotQaTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return containsAnswer(untilStop(continuation, prompt.stops), prompt.answer);
}

double HotpotQaTask::score(const Prompt& prompt, const std::string& continuation) const
{
    return answerF1(untilStop(continuation, prompt.stops), prompt.answer);
}

} // namespace kvviz::datasets
