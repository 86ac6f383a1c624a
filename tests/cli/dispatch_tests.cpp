// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Where helper programs are looked for; signals; text tables.
#include "app/console.hpp"
#include "app/dispatch.hpp"
#include "app/interrupt.hpp"
#include "app/output.hpp"
#include "core/error.hpp"
#include "tests/cli/process.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

using namespace kvviz;
namespace fs = std::filesystem;

TEST_CASE("a helper is taken from the program's own folder before PATH, and only if it can run", "[cli][unit]")
{
    const test::ScratchFolder own, first, second;
    const auto place = [](const test::ScratchFolder& folder, bool executable) {
        const fs::path file = folder.write("helper", "#!/bin/sh\n");
        fs::permissions(file, executable ? fs::perms::owner_all : fs::perms::owner_read);
        return file;
    };
    const std::string path = first.path().string() + "::" + second.path().string();
    CHECK_FALSE(app::findProgram("helper", own.path(), path));
    const fs::path inSecond = place(second, true);
    CHECK(app::findProgram("helper", own.path(), path) == inSecond);
    static_cast<void>(place(first, false)); // not executable: passed over
    CHECK(app::findProgram("helper", own.path(), path) == inSecond);
    const fs::path inOwn = place(own, true);
    CHECK(app::findProgram("helper", own.path(), path) == inOwn);
    CHECK(app::findProgram("helper", {}, path) == inSecond);
    CHECK_FALSE(app::findProgram("helper", {}, ""));
    fs::create_directory(first.path() / "folder");
    CHECK_FALSE(app::findProgram("folder", {}, first.path().string()));
}

TEST_CASE("an empty element of PATH is not the current folder", "[cli][unit]")
{
    const test::ScratchFolder folder;
    const fs::path file = folder.write("helper", "#!/bin/sh\n");
    fs::permissions(file, fs::perms::owner_all);
    const fs::path before = fs::current_path();
    fs::current_path(folder.path());
    const auto found = app::findProgram("helper", {}, ":");
    fs::current_path(before);
    CHECK_FALSE(found);
}

TEST_CASE("SIGINT asks a running command to stop, with status 130", "[cli][unit]")
{
    app::CommonOptions common;
    common.quiet = true;
    const core::Progress progress = app::consoleProgress(common);
    CHECK_NOTHROW(progress.throwIfStopped());
    CHECK_FALSE(progress.report);
    std::raise(SIGINT);
    for (int i = 0; i < 500 && !progress.stop.stop_requested(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    REQUIRE(progress.stop.stop_requested());
    try {
        progress.throwIfStopped();
        FAIL("not stopped");
    } catch (const core::Error& error) {
        CHECK(error.exitStatus() == 130);
    }
}

TEST_CASE("colour follows --color, then NO_COLOR and the terminal", "[cli][unit]")
{
    app::CommonOptions common;
    common.color = "always";
    CHECK(app::useColor(common, -1));
    common.color = "never";
    CHECK_FALSE(app::useColor(common, -1));
    common.color = "auto";
    CHECK_FALSE(app::useColor(common, -1)); // not a terminal
}

TEST_CASE("text tables align columns by characters, not bytes", "[cli][unit]")
{
    app::TextTable table({"name", ">value", "last"});
    table.add({"a\u21b5b", "1", "x"});
    table.gap();
    table.add({"abcde", "1234567", ""});
    CHECK(table.text("  ") == "  name     value  last\n  a\u21b5b          1  x\n\n  abcde  1234567\n");
}
