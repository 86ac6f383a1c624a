// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the run panel offers, as the program fills it.
#include "app/gui/run_choices.hpp"
#include "datasets/task.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "views/run_command.hpp"

#include <cstdlib>

using namespace kvviz;

TEST_CASE("All tasks are offered, and only built-in ones without a folder of data", "[views][unit]")
{
    const views::RunChoices choices = app::runChoices();
    CHECK(choices.tasks.size() == datasets::taskList().size());
    for (const views::RunTask& task : choices.tasks) {
        INFO(task.name);
        CHECK_FALSE(task.description.empty());
        if (task.builtIn) // it can really be opened so
            CHECK_NOTHROW(datasets::openTask(task.name, {}));
        else
            CHECK_THROWS(datasets::openTask(task.name, {}));
    }
    CHECK(choices.folder.filename() == "kvviz");
    for (const std::string& methods : choices.methods) {
        const views::EvalRun run{{"needle", {}, 1, {}}, methods, choices.ratios, {}, "/a.kvres.h5", {}};
        CHECK(views::obstacleTo(run).empty());
    }
}

TEST_CASE("Models lie where the engine looks for them", "[views][unit]")
{
    const test::ScratchFolder folder;
    const auto model = folder.write("models/tiny.gguf", "x");
    folder.write("models/notes.txt", "x");
    setenv("KVVIZ_DEPS", folder.path().c_str(), 1);
    setenv("KVVIZ_MODEL", "/models/mine.gguf", 1);
    const views::RunChoices choices = app::runChoices();
    unsetenv("KVVIZ_DEPS");
    unsetenv("KVVIZ_MODEL");
    CHECK(std::count(choices.models.begin(), choices.models.end(), model) == 1);
    CHECK(choices.defaultModel == "/models/mine.gguf");
}
