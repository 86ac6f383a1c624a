// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Outcomes as lines of a journal, without loss: numbers come back bit for bit, answers byte for byte.
#pragma once

#include "evaluation/outcome.hpp"

#include <string_view>

namespace kvviz::evaluation {

/// One line, without line breaks.
[[nodiscard]] std::string toJsonLine(const PromptOutcome& outcome);
/// Throws Error(badInput) for text that is no such line; `where` says which, for the message.
[[nodiscard]] PromptOutcome fromJsonLine(std::string_view line, const std::string& where);

} // namespace kvviz::evaluation
