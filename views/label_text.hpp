// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Names from files as labels of a figure.
#pragma once

#include <string>
#include <string_view>

namespace kvviz::plot {

/// One line of valid UTF-8 that XML and every viewer take: control characters, and those that would turn the direction
/// of what follows, are shown as such ("<01>", "<U+202E>").
[[nodiscard]] std::string labelText(std::string_view name);

} // namespace kvviz::plot
