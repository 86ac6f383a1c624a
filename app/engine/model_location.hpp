// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Where the model file is.
#pragma once

#include <filesystem>
#include <string>

namespace kvviz::app {

/// `given` if not empty, else $KVVIZ_MODEL, else the only .gguf of the first of these folders that has one:
/// $XDG_DATA_HOME/kvviz/models, the folder that scripts/setup fills. Throws Error(badInput) saying how to give one.
[[nodiscard]] std::filesystem::path findModel(const std::string& given);

/// The folder for a file of a model folder (config.json, a shard, the index), else the path as it is. Throws Error(badInput)
/// for a name as other programs fetch models by (org/name), where nothing of that name is.
[[nodiscard]] std::filesystem::path folderOfModel(const std::filesystem::path& path);

} // namespace kvviz::app
