// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Names from files as labels of a figure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kvviz::plot {

/// One line of valid UTF-8 that XML and every viewer take: control characters, and those that would turn the direction
/// of what follows, are shown as such ("<01>", "<U+202E>").
[[nodiscard]] std::string labelText(std::string_view name);

/// Letter of a panel: a, b, ..., z, aa, ab, ...
[[nodiscard]] std::string panelLetter(std::size_t index);

} // namespace kvviz::plot
