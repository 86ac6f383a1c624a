// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Runs another program to its end, shows its messages line by line, and stops it when we are asked to stop.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace kvviz::app {

/// A line of the child's standard error, without its end; what a terminal would overwrite comes as lines too.
using LineHandler = std::function<void(const std::string& line)>;

/// Exit status, or 128 + the signal that ended it. Standard input is empty; standard output goes to the file `output`,
/// or is dropped without one. The child has a process group of its own, so that Ctrl-C reaches it once and from here: a
/// stop sends SIGINT and waits for it to finish cleanly. Should this process be killed, the child gets SIGTERM. Throws
/// Error(failure) if it cannot be started.
[[nodiscard]] int runChild(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                           const LineHandler& onLine, const std::stop_token& stop,
                           const std::filesystem::path& output = {});

} // namespace kvviz::app
