// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Completion scripts and man pages: complete, and taken without a complaint by the programs that read them (where the
// machine has these).
#include "app/completion.hpp"
#include "app/manual.hpp"
#include "core/error.hpp"
#include "tests/cli/process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"

#include <fmt/format.h>

using namespace kvviz;
using test::runShell;

namespace {

bool have(const std::string& program) { return runShell("command -v " + program).status == 0; }

} // namespace

TEST_CASE("completions know every command and every option", "[cli][unit]")
{
    const app::CommandLine line;
    for (const char* shell : {"bash", "zsh", "fish"}) {
        const std::string script = app::completionScript(line, shell);
        for (const app::CommandEntry& entry : app::commandList()) {
            INFO(shell << ' ' << entry.name);
            CHECK(script.find(entry.name) != std::string::npos);
            for (const app::OptionDoc& option : line.options(entry.name))
                if (!option.positional)
                    CHECK(script.find(option.longName.substr(2)) != std::string::npos);
        }
    }
    CHECK_THROWS_AS(app::completionScript(line, "csh"), core::Error);
}

TEST_CASE("the shells accept their completion scripts", "[cli]")
{
    const app::CommandLine line;
    const test::ScratchFolder folder;
    for (const std::string shell : {"bash", "zsh", "fish"}) {
        if (!have(shell))
            continue;
        const std::string file = folder.write("completion." + shell, app::completionScript(line, shell));
        const test::Outcome outcome = runShell(fmt::format("{} -n '{}'", shell, file));
        INFO(shell << ": " << outcome.err);
        CHECK(outcome.status == 0);
        CHECK(outcome.err.empty());
    }
}

TEST_CASE("bash completes commands, options and the words of a choice", "[cli]")
{
    if (!have("bash"))
        return;
    const test::ScratchFolder folder;
    const std::string file = folder.write("completion.bash", app::completionScript(app::CommandLine(), "bash"));
    const auto complete = [&](const std::string& words, int position) {
        const test::Outcome outcome = runShell(fmt::format(
            "bash -c 'source \"{}\"; COMP_WORDS=({}); COMP_CWORD={}; _kvviz; echo \"${{COMPREPLY[@]}}\"'", file,
            words, position));
        CHECK(outcome.err.empty());
        return outcome.out;
    };
    CHECK(complete("kvviz cap", 1) == "capture\n");
    CHECK(complete("kvviz capture --tier \"\"", 3) == "stats cache map full\n");
    CHECK(complete("kvviz capture --resu", 2) == "--resume\n");
    CHECK(complete("kvviz -q figure hea", 3) == "heatmap\n");
    CHECK(complete("kvviz completion z", 2) == "zsh\n");
    CHECK(complete("kvviz info a", 2) == "\n");
}

TEST_CASE("man pages name every option and are clean roff", "[cli]")
{
    const app::CommandLine line;
    const test::ScratchFolder folder;
    std::vector<std::string> names{""};
    for (const app::CommandEntry& entry : app::commandList())
        names.push_back(entry.name);
    for (const std::string& name : names) {
        const std::string page = app::manPage(line, name);
        const std::string file = folder.write("page.1", page);
        INFO("kvviz " << name);
        if (have("groff")) {
            const test::Outcome outcome = runShell(fmt::format("groff -man -Tutf8 -ww -z '{}'", file));
            CHECK(outcome.status == 0);
            CHECK(outcome.err == "");
            const test::Outcome text = runShell(fmt::format("groff -man -Tascii -P-cbou -rLL=200n '{}'", file));
            for (const app::OptionDoc& option : line.options(name))
                if (!option.positional)
                    CHECK(text.out.find(option.longName) != std::string::npos);
        }
        if (have("man")) {
            const test::Outcome outcome =
                runShell(fmt::format("LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l '{}'", file));
            CHECK(outcome.err == "");
        }
        CHECK(page.find(".SH EXIT STATUS") != std::string::npos);
    }
    CHECK_THROWS_AS(app::manPage(line, "nosuch"), core::Error);
}
