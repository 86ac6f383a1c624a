// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the window can start runs with: the program beside this one, the tasks that kvviz knows, models found.
#pragma once

#include "views/run_choices.hpp"

namespace kvviz::app {

[[nodiscard]] views::RunChoices runChoices();

} // namespace kvviz::app
