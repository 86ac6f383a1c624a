// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the window can start: a capture, a replay or an evaluation as plain values, and the command line that is one.
// Pure functions; what they write is what the program parses.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace kvviz::views {

/// What to do when the output is there already.
enum class WhenThere : std::uint8_t { refuse, resume, overwrite };

/// Prompts of one task.
struct TaskPrompts {
    std::string task;
    std::optional<int> shots;      ///< none: the task's own number
    std::int64_t limit = 1;        ///< prompts
    std::filesystem::path dataDir; ///< of the public data files; empty: the task needs none
};

struct CaptureRun {
    enum class Source : std::uint8_t { text, textFile, task };
    Source source = Source::task;
    std::string text;               ///< of Source::text
    std::filesystem::path textFile; ///< of Source::textFile
    TaskPrompts prompts;            ///< of Source::task
    std::filesystem::path model;    ///< empty: the default
    std::string tier = "cache";
    std::int64_t generate = 64;
    std::filesystem::path output; ///< a file for one prompt, a folder for several
    WhenThere whenThere = WhenThere::refuse;
};

struct ReplayRun {
    std::vector<std::filesystem::path> captures;
    std::string methods, ratios;
    std::string depth = "output";
    std::filesystem::path model;             ///< of depth decode; empty: the default
    std::filesystem::path output;            ///< results file
    WhenThere whenThere = WhenThere::refuse; ///< a replay has nothing to resume
};

struct EvalRun {
    TaskPrompts prompts;
    std::string methods, ratios;
    std::filesystem::path model;
    std::filesystem::path output; ///< results file
    WhenThere whenThere = WhenThere::refuse;
};

using Run = std::variant<CaptureRun, ReplayRun, EvalRun>;

/// "capture", "replay", "eval"
[[nodiscard]] const char* commandOf(const Run& run);
/// Why it cannot be started yet, as a sentence; empty: it can.
[[nodiscard]] std::string obstacleTo(const Run& run);
/// Everything after the program's name. Values that look like options are joined to theirs with '=', relative paths
/// begin with "./", so that no text or file name is taken for something else.
[[nodiscard]] std::vector<std::string> argumentsOf(const Run& run);
/// What is there to open when it is done: captures or a folder of them, or results files.
[[nodiscard]] std::vector<std::filesystem::path> outputsOf(const Run& run);
/// One line that a POSIX shell splits into exactly these words.
[[nodiscard]] std::string shellLine(const std::vector<std::string>& words);

/// `folder`/`stem``ending`, or with -2, -3, ... before the ending: the first that is not there.
[[nodiscard]] std::filesystem::path freePath(const std::filesystem::path& folder, const std::string& stem,
                                             const std::string& ending);

} // namespace kvviz::views
