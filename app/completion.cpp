// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a value may be follows from its type in the help: "a|b|c" is a choice, TASK and METHOD are asked from kvviz when
// the user presses Tab, everything else may be a file.
#include "app/completion.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::app {
namespace {

/// Words for a value as a shell word list, empty when files are the best guess.
std::string valueWords(const OptionDoc& option)
{
    if (option.type == "TASK")
        return "$(kvviz tasks -q 2>/dev/null)";
    if (option.type == "METHOD" || option.type == "METHODS")
        return "$(kvviz methods -q 2>/dev/null)";
    if (option.type == "COMMAND" || option.type == "show") {
        std::string names;
        for (const CommandEntry& entry : commandList())
            names += (names.empty() ? "" : " ") + entry.name;
        return option.type == "show" ? "show" : names;
    }
    if (option.type.find('|') == std::string::npos)
        return {};
    std::string words = option.type;
    std::replace(words.begin(), words.end(), '|', ' ');
    return words;
}

std::string commandWords()
{
    std::string result;
    for (const CommandEntry& entry : commandList())
        result += (result.empty() ? "" : " ") + entry.name;
    return result;
}

std::string optionWords(const std::vector<OptionDoc>& options)
{
    std::string result;
    for (const OptionDoc& option : options)
        if (!option.positional)
            for (const std::string& name : {option.shortName, option.longName})
                if (!name.empty())
                    result += (result.empty() ? "" : " ") + name;
    return result;
}

// --- bash ---

std::string bashValues(const std::string& command, const std::vector<OptionDoc>& options)
{
    std::string result;
    for (const OptionDoc& option : options) {
        const std::string words = valueWords(option);
        if (option.positional || option.type.empty())
            continue;
        std::string patterns;
        for (const std::string& name : {option.shortName, option.longName})
            if (!name.empty())
                patterns += fmt::format("{}'{} {}'", patterns.empty() ? "" : "|", command, name);
        result += words.empty() ? fmt::format("        {}) return ;;\n", patterns)
                                : fmt::format("        {}) COMPREPLY=($(compgen -W \"{}\" -- \"$cur\")); return ;;\n",
                                              patterns, words);
    }
    return result;
}

std::string bashPositionals(const std::string& command, const std::vector<OptionDoc>& options)
{
    std::string words;
    for (const OptionDoc& option : options)
        if (option.positional && !valueWords(option).empty())
            words += (words.empty() ? "" : " ") + valueWords(option);
    if (words.empty())
        return {};
    return fmt::format("        {}) COMPREPLY=($(compgen -W \"{}\" -- \"$cur\")) ;;\n", command, words);
}

std::string bashScript(const CommandLine& line)
{
    std::string values = bashValues("", line.options(""));
    std::string names = fmt::format("            '') COMPREPLY=($(compgen -W \"{}\" -- \"$cur\")) ;;\n",
                                    optionWords(line.options("")));
    std::string positionals =
        fmt::format("        '') COMPREPLY=($(compgen -W \"{}\" -- \"$cur\")) ;;\n", commandWords());
    std::string patterns = commandWords();
    std::replace(patterns.begin(), patterns.end(), ' ', '|');
    for (const CommandEntry& entry : commandList()) {
        const std::vector<OptionDoc> options = line.options(entry.name);
        values += bashValues(entry.name, options);
        names += fmt::format("            {}) COMPREPLY=($(compgen -W \"{}\" -- \"$cur\")) ;;\n", entry.name,
                             optionWords(options));
        positionals += bashPositionals(entry.name, options);
    }
    // An empty COMPREPLY falls back to file names (-o default).
    return "# bash completion for kvviz, written by 'kvviz completion bash'\n"
           "_kvviz() {\n"
           "    local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\" command='' word\n"
           "    COMPREPLY=()\n"
           "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
           "        case \"$word\" in\n            "
        + patterns
        + ") command=\"$word\"; break ;;\n        esac\n    done\n"
          "    case \"$command $prev\" in\n"
        + values
        + "    esac\n"
          "    if [[ \"$cur\" == -* ]]; then\n"
          "        case \"$command\" in\n"
        + names
        + "        esac\n        return\n    fi\n"
          "    case \"$command\" in\n"
        + positionals + "    esac\n}\ncomplete -o default -F _kvviz kvviz\n";
}

// --- zsh ---

/// Text inside an _arguments specification, which stands in single quotes.
std::string zshText(const std::string& text)
{
    std::string result;
    for (const char c : text) {
        if (c == '\'')
            result += "'\\''";
        else if (c == ':' || c == '[' || c == ']')
            result += std::string("\\") + c;
        else
            result += c;
    }
    return result;
}

std::string zshValue(const OptionDoc& option)
{
    const std::string words = valueWords(option);
    if (words.empty())
        return fmt::format(":{}:_files", zshText(option.type));
    if (words.front() != '$')
        return fmt::format(":value:({})", words);
    // Single quotes keep the command for later: zsh runs it when Tab is pressed.
    return fmt::format(":{}:{{_values value {}}}", zshText(option.type), words);
}

std::string zshOption(const OptionDoc& option)
{
    const std::string value = option.type.empty() ? "" : zshValue(option);
    if (option.positional)
        return fmt::format("'{}{}'", option.many ? "*" : (option.required ? "" : ":"), value);
    const std::string text = fmt::format("[{}]{}", zshText(option.help), value);
    if (option.shortName.empty() || option.longName.empty())
        return fmt::format("'{}{}{}'", option.many ? "*" : "", option.shortName + option.longName, text);
    return fmt::format("'({0} {1})'{{{0},{1}}}'{2}'", option.shortName, option.longName, text);
}

std::string zshScript(const CommandLine& line)
{
    std::string commands;
    std::string cases;
    for (const CommandEntry& entry : commandList()) {
        commands += fmt::format("        '{}:{}'\n", entry.name, zshText(entry.summary));
        cases += fmt::format("        {})\n            _arguments -s", entry.name);
        for (const OptionDoc& option : line.options(entry.name))
            cases += " \\\n                " + zshOption(option);
        cases += " ;;\n";
    }
    return "#compdef kvviz\n# zsh completion for kvviz, written by 'kvviz completion zsh'\n"
           "_kvviz() {\n"
           "    local -a commands\n    commands=(\n"
        + commands
        + "    )\n"
          "    if (( CURRENT == 2 )); then\n"
          "        _describe command commands\n        _files -g '*.kvh5'\n        return\n    fi\n"
          "    shift words\n    (( CURRENT-- ))\n"
          "    case \"$words[1]\" in\n"
        + cases + "    esac\n}\n"
        + "if [[ \"$funcstack[1]\" == _kvviz ]]; then\n    _kvviz \"$@\"\nelse\n    compdef _kvviz kvviz\nfi\n";
}

// --- fish ---

std::string fishText(const std::string& text)
{
    std::string result;
    for (const char c : text)
        result += (c == '\'' || c == '\\') ? std::string("\\") + c : std::string(1, c);
    return "'" + result + "'";
}

std::string fishWords(const OptionDoc& option)
{
    const std::string words = valueWords(option);
    // fish runs a command substitution in parentheses, without the dollar sign.
    return fishText(words.starts_with("$(") ? words.substr(1) : words);
}

std::string fishOption(const std::string& condition, const OptionDoc& option)
{
    std::string result = fmt::format("complete -c kvviz -n {}", condition);
    if (option.positional)
        return valueWords(option).empty() ? "" : result + " -f -a " + fishWords(option) + "\n";
    if (!option.shortName.empty())
        result += " -s " + option.shortName.substr(1);
    if (!option.longName.empty())
        result += " -l " + option.longName.substr(2);
    if (!option.type.empty())
        result += valueWords(option).empty() ? " -r -F" : " -x -a " + fishWords(option);
    return result + " -d " + fishText(option.help) + "\n";
}

std::string fishScript(const CommandLine& line)
{
    std::string result = "# fish completion for kvviz, written by 'kvviz completion fish'\n";
    for (const CommandEntry& entry : commandList())
        result += fmt::format("complete -c kvviz -n __fish_use_subcommand -a {} -d {}\n", entry.name,
                              fishText(entry.summary));
    for (const OptionDoc& option : line.options(""))
        result += fishOption("__fish_use_subcommand", option);
    for (const CommandEntry& entry : commandList())
        for (const OptionDoc& option : line.options(entry.name))
            result += fishOption(fmt::format("'__fish_seen_subcommand_from {}'", entry.name), option);
    return result;
}

} // namespace

std::string completionScript(const CommandLine& line, std::string_view shell)
{
    if (shell == "bash")
        return bashScript(line);
    if (shell == "zsh")
        return zshScript(line);
    if (shell == "fish")
        return fishScript(line);
    throw core::Error(core::ErrorCode::usage, fmt::format("no completion for '{}'; expected bash, zsh or fish", shell));
}

} // namespace kvviz::app
