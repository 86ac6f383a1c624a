// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Completion scripts for bash, zsh and fish, written from the option tables.
#pragma once

#include "app/cli.hpp"

namespace kvviz::app {

/// Throws Error(usage) for another shell.
[[nodiscard]] std::string completionScript(const CommandLine& line, std::string_view shell);

} // namespace kvviz::app
