// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The text of --help: two examples first, then usage, options by group, and the explanation.
#pragma once

#include "app/cli.hpp"

namespace kvviz::app {

[[nodiscard]] std::string commandHelp(const CommandEntry& entry, const std::vector<OptionDoc>& options);
[[nodiscard]] std::string programHelp(Program program, const std::vector<OptionDoc>& options);

/// "[OPTIONS] FILES... NAME": what follows the name of a command.
[[nodiscard]] std::string usageText(const std::vector<OptionDoc>& options);
/// "bash, zsh, fish" of a positional that is one of some words; else empty.
[[nodiscard]] std::string positionalChoices(const OptionDoc& option);
/// "-o, --output FILE"
[[nodiscard]] std::string optionLabel(const OptionDoc& option);
/// The exit statuses and what they mean, in one place for help and man pages.
[[nodiscard]] const std::vector<std::pair<std::string, std::string>>& exitStatuses();

} // namespace kvviz::app
