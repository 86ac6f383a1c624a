// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "app/gui/run_choices.hpp"

#include "app/dispatch.hpp"
#include "app/options.hpp"
#include "datasets/task.hpp"
#include "views/path_edit.hpp"

#include <QStandardPaths>

#include <algorithm>
#include <cstdlib>

namespace kvviz::app {
namespace {

namespace fs = std::filesystem;

/// Model files in the folders where kvviz-engine looks for its default one.
std::vector<fs::path> modelFiles()
{
    std::vector<fs::path> folders{views::toPath(QStandardPaths::writableLocation(QStandardPaths::GenericDataLocation))
                                  / "kvviz/models"};
    if (const char* deps = std::getenv("KVVIZ_DEPS"))
        folders.push_back(fs::path(deps) / "models");
    std::vector<fs::path> models;
    std::error_code ignored;
    for (const fs::path& folder : folders)
        for (const auto& entry : fs::directory_iterator(folder, ignored))
            if (entry.path().extension() == ".gguf")
                models.push_back(entry.path());
    std::sort(models.begin(), models.end());
    return models;
}

} // namespace

views::RunChoices runChoices()
{
    views::RunChoices choices;
    choices.program = findHelper(Program::kvviz).value_or(fs::path());
    for (const datasets::TaskInfo& task : datasets::taskList())
        choices.tasks.push_back(
            {task.name, task.category, task.description, task.source == "built in", task.defaultShots});
    if (const char* model = std::getenv("KVVIZ_MODEL"))
        choices.defaultModel = model;
    choices.models = modelFiles();
    choices.methods = {EvalOptions().methods, MethodChoice().methods};
    choices.ratios = MethodChoice().ratios;
    choices.folder = views::toPath(QStandardPaths::writableLocation(QStandardPaths::DocumentsLocation)) / "kvviz";
    return choices;
}

} // namespace kvviz::app
