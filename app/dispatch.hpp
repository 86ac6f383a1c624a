// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Finds and starts the helper programs, as git does: kvviz's own folder first, then PATH.
#pragma once

#include "app/cli.hpp"

#include <filesystem>
#include <optional>

namespace kvviz::app {

/// Folder of the running program.
[[nodiscard]] std::filesystem::path programFolder();
/// An executable of that name in `ownFolder`, then in the folders of `searchPath` (as $PATH).
[[nodiscard]] std::optional<std::filesystem::path> findProgram(std::string_view name,
                                                               const std::filesystem::path& ownFolder,
                                                               std::string_view searchPath);
[[nodiscard]] std::optional<std::filesystem::path> findHelper(Program program);
/// The same for a command that cannot do without it. Throws Error(failure) that says what to do.
[[nodiscard]] std::filesystem::path requireHelper(Program program, const std::string& command);
/// Replaces this process by the helper, with the same arguments. Returns only by throwing Error(failure).
[[noreturn]] void startHelper(Program program, const std::string& command, char** argv);

} // namespace kvviz::app
