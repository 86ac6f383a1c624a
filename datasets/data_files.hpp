// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Files of the data folder: finding them, reading them whole, and saying clearly what is missing.
#pragma once

#include "datasets/task.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace kvviz::datasets {

/// The first of `candidates` (paths under the data folder) that is there. Throws Error(badInput) naming the first
/// candidate, the folder and --data-dir if none is, or if no folder was given.
[[nodiscard]] std::filesystem::path findDataFile(const std::string& task, const TaskOptions& options,
                                                 const std::vector<std::string>& candidates);
/// The same for a folder.
[[nodiscard]] std::filesystem::path findDataFolder(const std::string& task, const TaskOptions& options,
                                                   const std::vector<std::string>& candidates);

/// The bytes of a file, unpacked if it is a gzip file, without a UTF-8 byte order mark. Throws Error(badInput) if it
/// cannot be read or unpacked, or unpacks to more than 1 GiB.
[[nodiscard]] std::string readWholeFile(const std::filesystem::path& path);

} // namespace kvviz::datasets
