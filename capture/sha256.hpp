// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The identity of model files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace kvviz::capture {

/// SHA-256 of a file, lower-case hex. Throws Error(badInput) for one that cannot be read.
[[nodiscard]] std::string sha256OfFile(const std::filesystem::path& path);

/// Of the lines "NAME SUM\n" of these files, in their order; the files are read side by side.
[[nodiscard]] std::string sha256OfFiles(const std::vector<std::filesystem::path>& paths);

} // namespace kvviz::capture
