// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The abscissa of curves of methods: what was asked for where methods keep to it, what was measured where they do not.
#pragma once

#include "core/io/results.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace kvviz::plot {

enum class MethodAxis : std::uint8_t {
    ratio,      ///< the budget, as a fraction of prompt tokens
    tokens,     ///< the budget in tokens, which is a different fraction of each prompt
    bytes,      ///< bytes that the prompt's cache has, as a fraction of the whole one
    byteTokens, ///< the same in tokens' worth of bytes, where budgets were given in tokens
};

/// Bytes when a method that changes the cache is among them, or one whose size is not what the budget says; budgets in
/// tokens when they were asked for in tokens.
[[nodiscard]] MethodAxis axisFor(const std::vector<io::ReplayRecord>& records);
[[nodiscard]] std::string axisLabel(MethodAxis axis);
[[nodiscard]] std::string axisName(MethodAxis axis); ///< "ratio", "tokens", "bytes", "bytes as tokens"
[[nodiscard]] double abscissa(const io::ReplayRecord& record, MethodAxis axis);

/// False for methods of a fixed size and those that find their own, which are replayed once.
[[nodiscard]] bool followsBudget(const io::ReplayRecord& record);
/// The same for all replays of a method at one budget, ascending with it.
[[nodiscard]] std::int64_t budgetKey(const io::ReplayRecord& record, MethodAxis axis);

} // namespace kvviz::plot
