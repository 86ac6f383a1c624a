// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Version of kvviz and of the libraries that every program links.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kvviz::app {

/// "0.1.0"
[[nodiscard]] std::string_view version();
/// Name and version, as found when the program was built.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> commonLibraries();

} // namespace kvviz::app
