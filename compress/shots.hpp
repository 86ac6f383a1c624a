// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Shots as units of selection: what belongs to a shot, what is frame, and which shots fit a budget (methods.md 5.8).
#pragma once

#include "core/segments.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace kvviz::compress {

/// Tokens that are kept or dropped together; positions ascending.
using Unit = std::vector<std::int32_t>;

struct PromptUnits {
    std::vector<Unit> shots; ///< in the order of the segments; shots without prompt tokens are left out
    Unit frame;              ///< prompt tokens outside any shot
};
/// A token that two shots claim belongs to the first.
[[nodiscard]] PromptUnits promptUnits(const std::vector<core::Segment>& segments, std::int64_t n);

/// Mean score of each unit's tokens.
[[nodiscard]] std::vector<double> unitScores(const std::vector<Unit>& units, std::span<const double> tokenScores);

struct UnitChoice {
    std::vector<std::size_t> chosen; ///< ascending
    std::int64_t tokens = 0;
    std::int64_t tiesAtCut = 0;      ///< units of equal score, where some were taken and some not, else 0
};
/// Units by (score descending, number ascending) while they fit into `room` tokens; the first that does not fit ends
/// the choice, or is passed over with `skip`.
[[nodiscard]] UnitChoice chooseUnits(std::span<const double> scores, const std::vector<Unit>& units, std::int64_t room,
                                     bool skip);

} // namespace kvviz::compress
