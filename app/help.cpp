// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Fixed width, so that the text is the same on every terminal and can be compared with an approved copy.
#include "app/help.hpp"

#include "app/output.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::app {
namespace {

constexpr std::size_t kColumn = 30;

std::string twoColumns(const std::string& left, const std::string& right)
{
    std::string line = "  " + left;
    if (line.size() + 2 > kColumn)
        line += "\n" + std::string(kColumn, ' ');
    else
        line.resize(kColumn, ' ');
    return line + wrapText(right, kColumn, kColumn) + "\n";
}

std::string exampleText(const std::vector<Example>& examples)
{
    std::string result = "Examples:\n";
    for (const Example& example : examples)
        result += fmt::format("  {}\n      {}\n", example.command, example.meaning);
    return result;
}

std::string describe(const OptionDoc& option)
{
    return option.help + (option.defaultText.empty() ? "" : fmt::format(" [{}]", option.defaultText));
}

std::string groupText(const std::vector<OptionDoc>& options)
{
    std::string result;
    std::vector<std::string> done;
    for (const OptionDoc& leader : options) {
        if (leader.positional || std::find(done.begin(), done.end(), leader.group) != done.end())
            continue;
        done.push_back(leader.group);
        result += "\n" + leader.group + ":\n";
        for (const OptionDoc& option : options)
            if (!option.positional && option.group == leader.group)
                result += twoColumns(optionLabel(option), describe(option));
    }
    return result;
}

std::string positionalText(const std::vector<OptionDoc>& options)
{
    std::string result;
    for (const OptionDoc& option : options)
        if (option.positional) {
            const std::string words = positionalChoices(option);
            result += twoColumns(option.longName, describe(option) + (words.empty() ? "" : ": " + words));
        }
    return result.empty() ? result : "\n" + result;
}

} // namespace

std::string positionalChoices(const OptionDoc& option)
{
    if (!option.positional || option.type.find('|') == std::string::npos)
        return "";
    std::string words;
    for (const char c : option.type)
        words += c == '|' ? std::string(", ") : std::string(1, c);
    return words;
}

std::string optionLabel(const OptionDoc& option)
{
    std::string result = option.shortName;
    if (!option.longName.empty())
        result += (result.empty() ? "" : ", ") + option.longName;
    return option.type.empty() ? result : result + " " + option.type;
}

std::string usageText(const std::vector<OptionDoc>& options)
{
    std::string result = "[OPTIONS]";
    for (const OptionDoc& option : options) {
        if (!option.positional)
            continue;
        const std::string name = option.longName + (option.many ? "..." : "");
        result += option.required ? " " + name : " [" + name + "]";
    }
    return result;
}

const std::vector<std::pair<std::string, std::string>>& exitStatuses()
{
    static const std::vector<std::pair<std::string, std::string>> kStatuses{
        {"0", "success"},
        {"1", "failure: disk full, folder not writable, program missing, ..."},
        {"2", "wrong option, name or value"},
        {"3", "an input file cannot be read, is foreign, truncated or contradicts itself"},
        {"4", "device missing, or out of memory"},
        {"5", "stopped early, a usable partial result is kept"},
        {"130", "interrupted (Ctrl-C); a batch can be continued"}};
    return kStatuses;
}

std::string commandHelp(const CommandEntry& entry, const std::vector<OptionDoc>& options)
{
    std::string result = fmt::format("kvviz {} - {}\n\n{}\n", entry.name, entry.summary, exampleText(entry.examples));
    result += fmt::format("Usage: kvviz {} {}\n", entry.name, usageText(options));
    result += positionalText(options) + groupText(options);
    if (!entry.details.empty())
        result += "\n" + wrapText(entry.details, 0, 0) + "\n";
    return result;
}

std::string programHelp(Program program, const std::vector<OptionDoc>& options)
{
    const std::string name(programName(program));
    std::string result = fmt::format("{} - what key-value cache compression does to a language model\n\n", name);
    if (program == Program::kvviz)
        result += exampleText({{"kvviz capture --task addition --shots 8 -o addition.kvh5",
                                "run the model on a few-shot prompt and keep what its attention did"},
                               {"kvviz replay addition.kvh5", "predict what each compression method would lose"},
                               {"kvviz addition.kvh5", "look at it (short for: kvviz view addition.kvh5)"}})
            + "\n";
    result += fmt::format("Usage: {} [OPTIONS] COMMAND ...\n\nCommands:\n", name);
    for (const CommandEntry& entry : commandList())
        if (program == Program::kvviz || entry.program == program)
            result += twoColumns(entry.name, entry.summary);
    result += groupText(options) + "\nExit status:\n";
    for (const auto& [status, meaning] : exitStatuses())
        result += twoColumns(status, meaning);
    return result + fmt::format("\n'{} COMMAND --help' explains a command.\n", name);
}

} // namespace kvviz::app
