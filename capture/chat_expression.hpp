// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Expressions of Jinja as chat templates write them.
#pragma once

#include "capture/chat_value.hpp"

#include <string_view>

namespace kvviz::capture {

/// Unknown also when the expression is none that is known.
[[nodiscard]] JinjaValue jinjaValue(std::string_view expression, const JinjaNames& names);

} // namespace kvviz::capture
