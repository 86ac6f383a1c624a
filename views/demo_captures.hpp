// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The small captures that come with the program, for the guided tour. They lie inside of it and are written to a
// temporary folder, because HDF5 reads files.
#pragma once

#include <filesystem>
#include <vector>

namespace kvviz::views {

/// Captures of three tasks. The folder is made at the first call and removed when the program ends. Throws
/// core::Error(failure) when it cannot be written.
[[nodiscard]] std::vector<std::filesystem::path> demoCaptures();
/// Results of an evaluation of the same tasks.
[[nodiscard]] std::vector<std::filesystem::path> demoResults();

} // namespace kvviz::views
