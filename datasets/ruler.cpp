// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// RULER's JSON lines.
#include "datasets/ruler.hpp"

#include "core/error.hpp"
#include "core/text.hpp"
#include "datasets/answers.hpp"
#include "datasets/data_files.hpp"
#include "datasets/jsonl.hpp"
#include "datasets/prompt_builder.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <utility>

namespace kvviz::datasets {
namespace {

constexpr std::string_view kSeparator = ", "; ///< of several answers

bool toRecord(const nlohmann::json& object, RulerRecord& record)
{
    // A space at the end would part the question from the answer's first token.
    record.input = object.at("input").get<std::string>();
    while (!record.input.empty() && (record.input.back() == ' ' || record.input.back() == '\n'))
        record.input.pop_back();
    record.outputs = object.at("outputs").get<std::vector<std::string>>();
    return !record.input.empty() && !record.outputs.empty()
           && std::none_of(record.outputs.begin(), record.outputs.end(),
                           [](const std::string& output) { return trimmed(output).empty(); });
}

std::vector<std::string> wantedOf(const std::string& answer)
{
    std::vector<std::string> wanted;
    for (std::string_view rest = answer; !rest.empty();) {
        const std::size_t end = std::min(rest.find(kSeparator), rest.size());
        wanted.push_back(lowered(rest.substr(0, end)));
        rest.remove_prefix(std::min(end + kSeparator.size(), rest.size()));
    }
    return wanted;
}

/// The name of a file as part of an id.
std::string plainName(std::string name)
{
    std::replace_if(name.begin(), name.end(),
                    [](unsigned char c) { return c >= 0x80 || (std::isalnum(c) == 0 && c != '_' && c != '-'); }, '_');
    return name;
}

} // namespace

TaskInfo RulerTask::describe()
{
    return {"ruler", "long-context retrieval", "RULER needle prompts: one of many records is asked for.",
            "ruler_niah/*.jsonl", 0, "LCR", 48, {TaskKnob::subject}};
}

RulerTask::RulerTask(const TaskOptions& options) : TaskBase(describe(), options)
{
    refuseShots(info().name, options);
    const auto folder = findDataFolder(info().name, options, {"ruler_niah"});
    std::vector<std::filesystem::path> files;
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error))
        if (entry.path().extension() == ".jsonl") {
            files.push_back(entry.path());
            names.push_back(entry.path().stem().string());
        }
    if (files.empty())
        throw core::Error(core::ErrorCode::badInput,
                          fmt::format("'{}' holds no .jsonl file; expected RULER's prompts", folder.string()));
    std::sort(files.begin(), files.end());
    bool found = false;
    for (const auto& file : files)
        if (options.subject.empty() || file.stem() == options.subject) {
            addFile(file, options.skipBad);
            found = true;
        }
    if (!found) {
        const std::string nearest = core::nearestName(options.subject, names);
        throw core::Error(core::ErrorCode::usage,
                          fmt::format("task '{}' has no file '{}.jsonl' in '{}'{}", info().name, options.subject,
                                      folder.string(), nearest.empty() ? "" : fmt::format("; did you mean '{}'?",
                                                                                          nearest)));
    }
}

void RulerTask::addFile(const std::filesystem::path& path, bool skipBad)
{
    const std::string name = plainName(path.stem().string());
    int number = 0;
    readJsonLines(path, R"({"input": "...", "outputs": ["...", ...]})", skipBad, [&](const nlohmann::json& object) {
        RulerRecord record;
        const bool good = toRecord(object, record);
        if (good) {
            record.id = fmt::format("ruler-{}-{:04}", name, number++);
            m_records.push_back(std::move(record));
        }
        return good;
    });
}

Prompt RulerTask::prompt(std::int64_t index) const
{
    checkIndex(index);
    const RulerRecord& record = m_records[static_cast<std::size_t>(index)];
    PromptBuilder builder(info().name, record.id);
    const std::string_view text = record.input;
    const std::size_t head = text.find('\n');
    std::size_t tail = text.rfind('\n');
    if (head == std::string_view::npos || head == tail)
        tail = head; // no records between: a question only
    else
        builder.add(core::SegmentKind::instruction, text.substr(0, head + 1));
    int number = 0;
    for (std::size_t at = head + 1; head != tail && at <= tail;) {
        const std::size_t end = text.find('\n', at);
        const std::string_view line = text.substr(at, end + 1 - at);
        const bool needle = std::any_of(record.outputs.begin(), record.outputs.end(), [&](const std::string& output) {
            return line.find(output) != std::string_view::npos;
        });
        builder.add(core::SegmentKind::shot, line, needle ? "needle" : fmt::format("record {}", number + 1));
        ++number;
        at = end + 1;
    }
    builder.add(core::SegmentKind::question, head == tail ? text : text.substr(tail + 1));
    const std::string answer = fmt::format("{}", fmt::join(record.outputs, kSeparator));
    return builder.finish(" " + answer + ".", answer, {"\n"});
}

bool RulerTask::isCorrect(const Prompt& prompt, const std::string& continuation) const
{
    return score(prompt, continuation) == 1;
}

double RulerTask::score(const Prompt& prompt, const std::string& continuation) const
{
    const std::string output = lowered(untilStop(continuation, prompt.stops));
    const auto wanted = wantedOf(prompt.answer);
    const auto found = std::count_if(wanted.begin(), wanted.end(), [&](const std::string& answer) {
        return output.find(answer) != std::string::npos;
    });
    return static_cast<double>(found) / static_cast<double>(wanted.size());
}

} // namespace kvviz::datasets
