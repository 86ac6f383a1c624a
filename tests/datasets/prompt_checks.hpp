// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// For tests of tasks: the rules every prompt keeps, errors that must come, and the public data files where the machine
// has them (environment variable KVVIZ_SHARED_DATA).
#pragma once

#include "core/error.hpp"
#include "core/text.hpp"
#include "datasets/task.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace kvviz::test {

/// The folder of public data, empty if there is none here.
inline std::filesystem::path sharedData()
{
    const char* const chosen = std::getenv("KVVIZ_SHARED_DATA");
    const std::filesystem::path path =
        chosen != nullptr ? chosen : KVVIZ_SHARED_DATA; // the build's: beside the checkout
    return std::filesystem::is_directory(path) ? path : std::filesystem::path();
}

/// The error that `action` throws: its code and whether its text holds all of `parts`.
template <typename Action>
void requireError(core::ErrorCode code, const std::vector<std::string>& parts, const Action& action)
{
    try {
        action();
    } catch (const core::Error& error) {
        CHECK(error.code() == code);
        for (const std::string& part : parts)
            CHECK_THAT(error.what(), Catch::Matchers::Contains(part));
        return;
    }
    FAIL("no error was thrown");
}

inline std::string textOf(const datasets::Prompt& prompt, const core::Segment& segment)
{
    return prompt.text.substr(static_cast<std::size_t>(segment.span.begin),
                              static_cast<std::size_t>(segment.span.size()));
}

/// Segments tile the text in order, each kind is numbered from 0, nothing breaks a token boundary.
inline void checkPrompt(const datasets::Prompt& prompt)
{
    INFO(prompt.task << " " << prompt.id);
    std::int64_t position = 0;
    std::map<core::SegmentKind, int> counts;
    for (const core::Segment& segment : prompt.segments) {
        REQUIRE(segment.span.begin == position);
        REQUIRE(segment.span.end > position);
        REQUIRE(segment.index == counts[segment.kind]++);
        REQUIRE_FALSE(segment.label.empty());
        position = segment.span.end;
    }
    REQUIRE(position == std::ssize(prompt.text));
    REQUIRE(prompt.segments.back().kind == core::SegmentKind::question);
    REQUIRE(core::isUtf8(prompt.text));
    REQUIRE(prompt.text.back() != ' ');
    REQUIRE(prompt.target.size() > 1);
    REQUIRE((prompt.target.front() == ' ' || prompt.target.front() == '\n'));
    REQUIRE_FALSE(prompt.answer.empty());
    REQUIRE_FALSE(prompt.stops.empty());
    REQUIRE(std::all_of(prompt.id.begin(), prompt.id.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '_' || c == '-';
    }));
    for (const std::string& stop : prompt.stops)
        REQUIRE(prompt.target.find(stop) == std::string::npos);
}

/// Worked examples of a prompt; passages of a needle text are shots too, but not examples.
inline std::int64_t countExamples(const datasets::Prompt& prompt)
{
    return std::count_if(prompt.segments.begin(), prompt.segments.end(), [](const core::Segment& segment) {
        return segment.kind == core::SegmentKind::shot && segment.label.starts_with("shot ");
    });
}

inline datasets::TaskOptions optionsFor(const std::filesystem::path& folder, int shots = -1)
{
    datasets::TaskOptions options;
    options.dataDir = folder;
    options.shots = shots;
    return options;
}

/// Every `step`-th prompt keeps the rules; its own reference continuation is right and silence is wrong, where answers
/// can be judged.
inline void checkTask(const std::string& name, const datasets::TaskOptions& options, std::int64_t step = 1)
{
    const auto task = datasets::openTask(name, options);
    const int shots = options.shots == -1 ? task->info().defaultShots : options.shots;
    REQUIRE(task->size() > 0);
    std::set<std::string> ids;
    for (std::int64_t index = 0; index < task->size(); index += step) {
        const datasets::Prompt prompt = task->prompt(index);
        test::checkPrompt(prompt);
        REQUIRE(test::countExamples(prompt) == shots);
        REQUIRE(ids.insert(prompt.id).second);
        if (!task->obstacle().empty())
            continue;
        REQUIRE(task->isCorrect(prompt, prompt.target));
        REQUIRE(task->score(prompt, prompt.target) == 1);
        REQUIRE_FALSE(task->isCorrect(prompt, ""));
        REQUIRE(task->score(prompt, "") == 0);
    }
    requireError(core::ErrorCode::usage, {name}, [&] { (void)task->prompt(task->size()); });
}

} // namespace kvviz::test
