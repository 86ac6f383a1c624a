// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// --help against the approved text in tests/approved. KVVIZ_APPROVE=1 rewrites the approved files: look at the change
// before you commit it.
#include "app/cli.hpp"
#include "tests/support/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace kvviz;

namespace {

std::filesystem::path approvedFile(const std::string& command)
{
    const std::filesystem::path folder = std::filesystem::path(KVVIZ_TEST_DATA) / ".." / "approved";
    return folder / (command.empty() ? "help.txt" : "help-" + command + ".txt");
}

std::vector<std::string> linesOf(const std::string& text)
{
    std::istringstream stream(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

/// Lines that only one of the texts has, in order: enough to see what changed.
std::string difference(const std::string& approved, const std::string& now)
{
    const std::vector<std::string> before = linesOf(approved), after = linesOf(now);
    std::string result;
    for (const std::string& line : before)
        if (std::find(after.begin(), after.end(), line) == after.end())
            result += "- " + line + "\n";
    for (const std::string& line : after)
        if (std::find(before.begin(), before.end(), line) == before.end())
            result += "+ " + line + "\n";
    return result;
}

std::vector<std::string> everyCommand()
{
    std::vector<std::string> names{""};
    for (const app::CommandEntry& entry : app::commandList())
        names.push_back(entry.name);
    return names;
}

} // namespace

TEST_CASE("the help of kvviz and of every command is the approved text", "[cli][unit]")
{
    const app::CommandLine line;
    const char* approve = std::getenv("KVVIZ_APPROVE");
    for (const std::string& command : everyCommand()) {
        const std::string now = line.help(command);
        if (approve != nullptr && std::string(approve) == "1")
            std::ofstream(approvedFile(command), std::ios::binary) << now;
        std::ifstream stream(approvedFile(command), std::ios::binary);
        std::stringstream approved;
        approved << stream.rdbuf();
        INFO("help of '" << command << "' differs from " << approvedFile(command).string()
                         << " (KVVIZ_APPROVE=1 accepts it):\n" << difference(approved.str(), now));
        CHECK((approved.str() == now));
    }
}

TEST_CASE("every help opens with two examples, fits 100 columns and tells each option", "[cli][unit]")
{
    const app::CommandLine line;
    for (const app::CommandEntry& entry : app::commandList()) {
        INFO(entry.name);
        const std::string text = line.help(entry.name);
        CHECK(entry.examples.size() >= 2);
        CHECK(text.find("Examples:") < text.find("Usage:"));
        for (const app::OptionDoc& option : line.options(entry.name)) {
            INFO(option.longName);
            CHECK_FALSE(option.help.empty());
            CHECK(text.find(option.longName) != std::string::npos);
        }
        for (const std::string& row : linesOf(text)) {
            INFO(row);
            CHECK((row.size() <= 100 || row.starts_with("  kvviz ")));
        }
    }
}

TEST_CASE("the examples in the help parse", "[cli][unit]")
{
    for (const app::CommandEntry& entry : app::commandList())
        for (const app::Example& example : entry.examples) {
            std::vector<std::string> words;
            bool quoted = false, open = false;
            for (const char c : example.command) {
                if (c == '\'') {
                    quoted = !quoted;
                } else if (!quoted && (c == '|' || c == '<' || c == '>')) {
                    break;
                } else if (c == ' ' && !quoted) {
                    open = false;
                } else {
                    if (!open)
                        words.emplace_back();
                    open = true;
                    words.back() += c;
                }
            }
            INFO(example.command);
            REQUIRE(words.front() == "kvviz");
            words.erase(words.begin());
            app::CommandLine line;
            CHECK_NOTHROW(line.parse(words));
            CHECK(line.command() == entry.name);
        }
}
