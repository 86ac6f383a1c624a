// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Evaluations for people, spreadsheets and programs.
#pragma once

#include "app/json_output.hpp"
#include "core/io/results.hpp"

namespace kvviz::app {

/// One table a task: methods down, budgets across, delta P in percent with its interval; the full cache above it. With
/// `details`, one line a (method, budget) with everything.
[[nodiscard]] std::string evalTables(const std::vector<io::EvalRecord>& records, bool details);
/// A line a record, with a heading.
[[nodiscard]] std::string evalCsv(const std::vector<io::EvalRecord>& records);
/// Without the arrays of single prompts.
[[nodiscard]] Json toJson(const io::EvalRecord& record);

} // namespace kvviz::app
