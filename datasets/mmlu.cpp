// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// MMLU in the form of lm-evaluation-harness, with its line that names the subject.
#include "datasets/mmlu.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "datasets/answers.hpp"
#include "datasets/csv.hpp"
#include "datasets/data_files.hpp"
#include "datasets/prompt_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace kvviz::datasets {
namespace {

constexpr char kLastLetter = 'D';
constexpr std::string_view kTestSuffix = "_test.csv";

std::string withSpaces(std::string name)
{
    std::replace(name.begin(), name.end(), '_', ' ');
    return name;
}

/// What is wrong with a record; empty if nothing.
std::string faultOf(const CsvRecord& record)
{
    if (!record.fault.empty())
        return record.fault;
    if (record.fields.size() != 6)
        return fmt::format("{} fields, expected 6: question, four choices, answer letter", record.fields.size());
    const std::string& answer = record.fields[5];
    if (answer.size() != 1 || answer[0] < 'A' || answer[0] > kLastLetter)
        return fmt::format("the answer '{}' is not one of A, B, C, D", core::displayBytes(answer));
    const bool valid = std::all_of(record.fields.begin(), record.fields.end(), core::isUtf8);
    return valid ? "" : "the text is not UTF-8";
}

std::vector<ChoiceQuestion> readQuestions(const std::filesystem::path& path, bool skipBad)
{
    const std::string bytes = readWholeFile(path);
    CsvReader reader(bytes);
    CsvRecord record;
    std::vector<ChoiceQuestion> questions;
    while (reader.next(record)) {
        const std::string fault = faultOf(record);
        if (fault.empty())
            questions.push_back({std::string(core::trimmed(record.fields[0])),
                                 {record.fields.begin() + 1, record.fields.begin() + 5},
                                 record.fields[5][0]});
        else if (!skipBad)
            throw core::Error(core::ErrorCode::badInput,
                              fmt::format("'{}', line {}: {}; mend the record or pass over such records with "
                                          "--skip-bad",
                                          path.string(), record.line, fault));
    }
    if (questions.empty())
        throw core::Error(core::ErrorCode::badInput, fmt::format("'{}' holds no usable question; expected records of "
                                                                 "question, four choices, answer letter",
                                                                 path.string()));
    return questions;
}

/// Test files by subject, sorted.
std::map<std::string, std::filesystem::path> findSubjects(const std::filesystem::path& folder)
{
    std::map<std::string, std::filesystem::path> subjects;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        if (name.ends_with(kTestSuffix) && name.size() > kTestSuffix.size())
            subjects[name.substr(0, name.size() - kTestSuffix.size())] = entry.path();
    }
    if (subjects.empty())
        throw core::Error(core::ErrorCode::badInput, fmt::format("'{}' holds no file SUBJECT{}", folder.string(),
                                                                 kTestSuffix));
    return subjects;
}

[[noreturn]] void failUnknownSubject(const std::string& asked,
                                     const std::map<std::string, std::filesystem::path>& subjects)
{
    std::vector<std::string> names;
    for (const auto& [name, path] : subjects)
        names.push_back(name);
    const std::string nearest = core::nearestName(asked, names);
    throw core::Error(core::ErrorCode::usage,
                      nearest.empty() ? fmt::format("task 'mmlu' has no subject '{}'; there are {}, such as '{}'",
                                                    asked, names.size(), names.front())
                                      : fmt::format("task 'mmlu' has no subject '{}'; did you mean '{}'?", asked,
                                                    nearest));
}

} // namespace

TaskInfo MmluTask::describe()
{
    return {"mmlu", "world knowledge", "MMLU questions with four choices in 57 subjects.",
            "mmlu/dev/*.csv, mmlu/test/*.csv or mmlu/test_first20/*.csv", 5, "WK", 8, {TaskKnob::subject}};
}

MmluTask::MmluTask(const TaskOptions& options) : TaskBase(describe(), options)
{
    const auto subjects = findSubjects(findDataFolder(info().name, options, {"mmlu/test", "mmlu/test_first20"}));
    if (options.subject.empty()) {
        for (const auto& [name, path] : subjects)
            addSubject(name, path, options);
        return;
    }
    std::string asked = options.subject;
    std::replace(asked.begin(), asked.end(), ' ', '_');
    const auto found = subjects.find(asked);
    if (found == subjects.end())
        failUnknownSubject(asked, subjects);
    addSubject(asked, found->second, options);
}

void MmluTask::addSubject(const std::string& name, const std::filesystem::path& testFile, const TaskOptions& options)
{
    Subject subject{name, {}, readQuestions(testFile, options.skipBad)};
    if (shots() > 0) {
        const auto dev = findDataFile(info().name, options, {fmt::format("mmlu/dev/{}_dev.csv", name)});
        subject.shots = readQuestions(dev, options.skipBad);
        if (std::ssize(subject.shots) < shots())
            throw core::Error(core::ErrorCode::usage,
                              fmt::format("task 'mmlu': {} shots were asked for, '{}' holds {}", shots(), dev.string(),
                                          subject.shots.size()));
        subject.shots.resize(static_cast<std::size_t>(shots()));
    }
    m_size += std::ssize(subject.questions);
    m_subjects.push_back(std::move(subject));
}

Prompt MmluTask::prompt(std::int64_t index) const
{
    checkIndex(index);
    auto subject = m_subjects.begin();
    for (; index >= std::ssize(subject->questions); ++subject)
        index -= std::ssize(subject->questions);
    const ChoiceQuestion& asked = subject->questions[static_cast<std::size_t>(index)];

    // The number is that within the subject, so that an id means the same with and without a chosen subject.
    PromptBuilder builder(info().name, fmt::format("mmlu-{}-{:04}", subject->name, index));
    builder.add(core::SegmentKind::instruction,
                fmt::format("The following are multiple choice questions (with answers) about {}.\n\n",
                            withSpaces(subject->name)),
                withSpaces(subject->name));
    for (const ChoiceQuestion& shot : subject->shots)
        builder.add(core::SegmentKind::shot, choiceShot(shot));
    builder.add(core::SegmentKind::question, choiceText(asked));
    return builder.finish(std::string{' ', asked.answer}, std::string(1, asked.answer), {"\n"});
}

bool MmluTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return extractChoice(untilStop(continuation, prompt.stops), kLastLetter) == prompt.answer.front();
}

} // namespace kvviz::datasets
