// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// SIGINT and SIGTERM as a stop token.
#pragma once

#include <stop_token>

namespace kvviz::app {

/// Installs the handlers at the first call. The first signal asks for a stop; a second one has its default action.
[[nodiscard]] std::stop_token interruptToken();

} // namespace kvviz::app
