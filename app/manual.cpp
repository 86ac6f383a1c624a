// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Plain man(7) macros: every pager and every groff understands them.
#include "app/manual.hpp"

#include "app/help.hpp"
#include "app/version.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kvviz::app {
namespace {

/// Text in roff: backslashes and hyphens escaped, no line that starts with a control character.
std::string roff(std::string_view text)
{
    std::string result;
    bool lineStart = true;
    for (const char c : text) {
        if (lineStart && (c == '.' || c == '\''))
            result += "\\&";
        lineStart = c == '\n';
        if (c == '\\')
            result += "\\e";
        else if (c == '-')
            result += "\\-";
        else if (c == '\'')
            result += "\\(aq";
        else
            result += c;
    }
    return result;
}

/// Paragraphs are separated by empty lines, which roff wants as a macro.
std::string paragraphs(std::string text)
{
    for (std::size_t place = 0; (place = text.find("\n\n", place)) != std::string::npos;)
        text.replace(place, 2, "\n.PP\n");
    std::string result;
    std::size_t begin = 0;
    while (begin < text.size()) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        const std::string line = text.substr(begin, end - begin);
        result += (line == ".PP" ? line : roff(line)) + "\n";
        begin = end + 1;
    }
    return result;
}

std::string header(const std::string& page, const std::string& summary)
{
    std::string upper = page;
    for (char& c : upper)
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    return ".\\\" Written by 'kvviz man'.\n"
        + fmt::format(".TH {} 1 \"\" \"kvviz {}\" \"kvviz manual\"\n", upper, version())
        + fmt::format(".SH NAME\n{} \\- {}\n", roff(page), roff(summary));
}

std::string examples(const std::vector<Example>& list)
{
    std::string result = ".SH EXAMPLES\n";
    for (const Example& example : list)
        result += fmt::format(".TP\n.B {}\n{}\n", roff(example.command), roff(example.meaning));
    return result;
}

std::string optionEntry(const OptionDoc& option)
{
    std::string names;
    for (const std::string& name : {option.shortName, option.longName})
        if (!name.empty())
            names += (names.empty() ? "" : ", ") + std::string("\\fB") + roff(name) + "\\fR";
    if (!option.type.empty() && !option.positional)
        names += " \\fI" + roff(option.type) + "\\fR";
    std::string help = option.help;
    if (const std::string words = positionalChoices(option); !words.empty())
        help += ": " + words;
    if (!option.defaultText.empty())
        help += fmt::format(" (default: {})", option.defaultText);
    return fmt::format(".TP\n{}\n{}\n", names, roff(help));
}

std::string optionSections(const std::vector<OptionDoc>& options)
{
    std::string result;
    for (const OptionDoc& option : options)
        if (option.positional)
            result += (result.empty() ? ".SH ARGUMENTS\n" : "") + optionEntry(option);
    result += ".SH OPTIONS\n";
    std::string group;
    for (const OptionDoc& option : options) {
        if (option.positional)
            continue;
        if (option.group != group && option.group != "Options")
            result += fmt::format(".SS {}\n", roff(option.group));
        group = option.group;
        result += optionEntry(option);
    }
    return result;
}

std::string commonSections()
{
    std::string result = ".SH EXIT STATUS\n";
    for (const auto& [status, meaning] : exitStatuses())
        result += fmt::format(".TP\n.B {}\n{}\n", status, roff(meaning));
    return result
        + ".SH ENVIRONMENT\n"
          ".TP\n.B KVVIZ_MODEL\nmodel file for commands that run a model, when \\-\\-model is not given\n"
          ".TP\n.B KVVIZ_PROGRESS\nif 'lines', progress on standard error is lines '@progress DONE TOTAL PHASE' for "
          "programs that start kvviz\n"
          ".TP\n.B NO_COLOR\nif set and not empty, no colours unless \\-\\-color=always\n";
}

std::string seeAlso(std::string_view except)
{
    std::string result = ".SH SEE ALSO\n";
    std::string names = except.empty() ? "" : "\\fBkvviz\\fR(1)";
    for (const CommandEntry& entry : commandList())
        if (entry.name != except)
            names += fmt::format("{}\\fBkvviz\\-{}\\fR(1)", names.empty() ? "" : ",\n", roff(entry.name));
    return result + names + "\n";
}

std::string overview(const CommandLine& line)
{
    std::string result = header("kvviz", "what key-value cache compression does to a language model");
    result += ".SH SYNOPSIS\n.B kvviz\n[\\fIOPTIONS\\fR] \\fICOMMAND\\fR ...\n.br\n.B kvviz\n\\fIFILE\\fR.kvh5\n";
    result += ".SH DESCRIPTION\n"
              "Runs a language model with hooks on its attention, keeps what they see in HDF5 files, replays "
              "compression methods on these captures to predict what each would drop, and draws the results.\n"
              ".SH COMMANDS\n";
    for (const CommandEntry& entry : commandList())
        result += fmt::format(".TP\n.B {}\n{} (see \\fBkvviz\\-{}\\fR(1))\n", roff(entry.name), roff(entry.summary),
                              roff(entry.name));
    return result + optionSections(line.options("")) + commonSections() + seeAlso("");
}

} // namespace

std::string manPage(const CommandLine& line, std::string_view command)
{
    if (command.empty())
        return overview(line);
    const CommandEntry& entry = commandEntry(command);
    const std::vector<OptionDoc> options = line.options(entry.name);
    std::string result = header("kvviz-" + entry.name, entry.summary);
    result += fmt::format(".SH SYNOPSIS\n.B kvviz {}\n{}\n", roff(entry.name), roff(usageText(options)));
    if (!entry.details.empty())
        result += ".SH DESCRIPTION\n" + paragraphs(entry.details);
    return result + optionSections(options) + examples(entry.examples) + commonSections() + seeAlso(command);
}

} // namespace kvviz::app
