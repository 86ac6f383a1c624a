// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The JSON beside a figure: what it shows, where the numbers come from, the command that makes it again, and the
// numbers.
#pragma once

#include "views/figure_data.hpp"

#include <string>

namespace kvviz::plot {

/// One object, ending in a newline. Map rows end at their last unmasked cell; masked cells before it are null. Values
/// have 5 significant digits.
[[nodiscard]] std::string sidecarJson(const Figure& figure, const std::string& creator, const std::string& commandLine);

} // namespace kvviz::plot
