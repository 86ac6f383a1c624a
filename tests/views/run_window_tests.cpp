// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Runs of the real program, started from the real window.
#include "tests/views/window_fixture.hpp"
#include "views/path_edit.hpp"
#include "views/run_panel.hpp"

#include <QDockWidget>

using namespace kvviz;
using Catch::Contains;
using test::captureFile;
using test::ScratchFolder;
using test::WindowBench;

namespace {

namespace fs = std::filesystem;

WindowBench windowWith(const ScratchFolder& folder, const fs::path& program)
{
    views::WindowStart start;
    start.session.captures = io::findCaptures({captureFile(folder, "a")});
    start.runChoices = [&folder, program] {
        views::RunChoices choices;
        choices.program = program;
        choices.tasks = {{"addition", "arithmetic", "Sums.", true, 8}};
        choices.methods = {"snapkv;h2o"};
        choices.ratios = "0.5,0.2";
        choices.folder = folder.path();
        return choices;
    };
    return WindowBench(start);
}

void runToTheEnd(const WindowBench& window)
{
    window->runs()->start();
    REQUIRE(test::waitFor([&] { return !window->runs()->running(); }));
    window.settle();
}

} // namespace

TEST_CASE("A replay is started in the window, and what it made is shown there", "[views][io]")
{
    const ScratchFolder folder;
    const WindowBench window = windowWith(folder, fs::path(KVVIZ_BIN_DIR) / "kvviz");
    window->runs()->showPage(QStringLiteral("replay"));
    CHECK(window->runs()->commandLine().contains(QStringLiteral("replay")));
    runToTheEnd(window);
    INFO(window.messages());
    CHECK(window->runs()->statusText().startsWith(QStringLiteral("Done")));
    CHECK(window.messages().empty());
    const fs::path results = folder / "a.kvres.h5";
    CHECK(fs::exists(results));
    CHECK(window->session().results == std::vector<fs::path>{results});
    const QDockWidget* replays = window->panels()->dock(QStringLiteral("replays"));
    CHECK(!replays->isHidden());
    CHECK(dynamic_cast<const views::View*>(replays->widget())->figure());
    SECTION("the next one is offered another name, and an existing one is not overwritten")
    {
        views::PathEdit* output = nullptr;
        for (auto* edit : window->runs()->findChildren<views::PathEdit*>())
            if (edit->path() == folder / "a-2.kvres.h5")
                output = edit;
        REQUIRE(output);
        output->setPath(results);
        const auto before = fs::last_write_time(results);
        runToTheEnd(window);
        CHECK_THAT(window.messages(), Contains("a.kvres.h5") && Contains("exists"));
        CHECK(fs::last_write_time(results) == before);
    }
}

TEST_CASE("Without an engine the window says what is missing", "[views][io]")
{
    const ScratchFolder folder;
    fs::create_directory(folder / "bin");
    fs::copy_file(fs::path(KVVIZ_BIN_DIR) / "kvviz", folder / "bin" / "kvviz");
    const WindowBench window = windowWith(folder, folder / "bin" / "kvviz");
    window->runs()->showPage(QStringLiteral("capture"));
    runToTheEnd(window);
    CHECK_THAT(window.messages(), Contains("kvviz-engine"));
    CHECK(window->captures()->size() == 1);
    window.window->findChild<views::MessageBar*>()->clear();
    window.requireWorks(0);
}
