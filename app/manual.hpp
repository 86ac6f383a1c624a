// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Man pages in roff, written from the option tables.
#pragma once

#include "app/cli.hpp"

namespace kvviz::app {

/// kvviz-COMMAND(1), or kvviz(1) for an empty command. Throws Error(usage) for an unknown command.
[[nodiscard]] std::string manPage(const CommandLine& line, std::string_view command);

} // namespace kvviz::app
