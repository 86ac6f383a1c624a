// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Text files that the user names.
#pragma once

#include <filesystem>
#include <string>

namespace kvviz::app {

/// All bytes of a file. Throws Error(badInput) with the system's reason; a folder is refused.
[[nodiscard]] std::string readTextFile(const std::filesystem::path& path);

} // namespace kvviz::app
