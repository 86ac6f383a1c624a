// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The files of resources/report, compiled in.
#pragma once

#include <string_view>

namespace kvviz::plot {

[[nodiscard]] std::string_view reportHtml();   ///< with {{marks}}
[[nodiscard]] std::string_view reportStyle();
[[nodiscard]] std::string_view reportScript();

} // namespace kvviz::plot
