// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The command line: every command of every program in one table, and the parser that fills an Invocation from it.
// Help, completions and man pages are written from the same table (app/help, app/completion, app/manual).
#pragma once

#include "app/options.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kvviz::app {

/// The program that runs a command.
enum class Program : std::uint8_t { kvviz, engine, gui };
/// "kvviz", "kvviz-engine", "kvviz-gui"
[[nodiscard]] std::string_view programName(Program program);

struct Example {
    std::string command;
    std::string meaning;
};

struct CommandEntry {
    std::string name;
    Program program = Program::kvviz;
    std::string summary;           ///< "show what a capture holds"
    std::vector<Example> examples; ///< at least two; they open the help
    std::string details;           ///< paragraphs separated by empty lines
};

/// All commands in the order of the help.
[[nodiscard]] const std::vector<CommandEntry>& commandList();
/// The entry of a command; throws Error(usage) for an unknown one, suggesting the nearest.
[[nodiscard]] const CommandEntry& commandEntry(std::string_view name);

/// One option or positional of a command, as help, completions and man pages see it.
struct OptionDoc {
    std::string longName;  ///< "--tier", or the name of a positional
    std::string shortName; ///< "-o", or empty
    std::string type;      ///< "FILE", "stats|cache|map|full"; empty for a flag
    std::string help;
    std::string defaultText;
    std::string group;
    bool positional = false;
    bool required = false;
    bool many = false;
};

/// Parses one command line. Made once per process (or test).
class CommandLine {
public:
    explicit CommandLine(Program program = Program::kvviz);
    ~CommandLine();

    enum class Action : std::uint8_t { run, help, version };
    /// Fills invocation(). Throws Error(usage) with one sentence; command() then still says how far it got.
    Action parse(const std::vector<std::string>& arguments);

    [[nodiscard]] const Invocation& invocation() const;
    /// The command that was recognised, or empty.
    [[nodiscard]] std::string command() const;
    /// Options of a command ("" = those before the command).
    [[nodiscard]] std::vector<OptionDoc> options(std::string_view command) const;
    /// Text of `--help` of a command ("" = of this program).
    [[nodiscard]] std::string help(std::string_view command) const;

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

/// `kvviz FILE.kvh5` stands for `kvviz view FILE.kvh5`, and `kvviz help X` for `kvviz X --help`.
[[nodiscard]] std::vector<std::string> expandShortcuts(std::vector<std::string> arguments);
/// The arguments as one line that a shell would take back; the program without its folder.
[[nodiscard]] std::string commandLineText(int argc, const char* const* argv);

} // namespace kvviz::app
