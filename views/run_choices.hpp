// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What there is to choose from when a run is started in the window. Views know no tasks and no models: app fills this.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace kvviz::views {

struct RunTask {
    std::string name, category, description;
    bool builtIn = true; ///< else it reads public data files
    int defaultShots = 0;
};

struct RunChoices {
    std::filesystem::path program; ///< `kvviz`; empty: not found, nothing can be started
    std::vector<RunTask> tasks;
    std::filesystem::path defaultModel;        ///< shown by its name; empty: kvviz has none
    std::vector<std::filesystem::path> models; ///< further model files
    std::vector<std::string> methods;          ///< lists to offer, as `--methods` takes them
    std::string ratios;                        ///< as `--ratios` takes them
    std::filesystem::path folder;              ///< where outputs go unless something else is said
};

} // namespace kvviz::views
