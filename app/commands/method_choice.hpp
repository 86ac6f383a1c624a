// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Methods, budgets and tables from the command line; each is checked before anything is read or run.
#pragma once

#include "app/options.hpp"
#include "compress/method.hpp"
#include "core/model_tables.hpp"

#include <memory>

namespace kvviz::app {

/// "snapkv;shotkv:window", "all;random:protected", or "snapkv,h2o" (commas separate methods that have no parameters).
[[nodiscard]] std::vector<std::string> parseMethods(std::string_view text);
/// The same for a model that generates: of "all", those that can run live. Methods named one by one stay.
[[nodiscard]] std::vector<std::string> parseLiveMethods(std::string_view text);
/// Throws Error(usage) for a ratio outside (0, 1] or a number that is no count of tokens.
[[nodiscard]] std::vector<compress::Budget> parseBudgets(const MethodChoice& choice);
/// All tables as one; null without any. Throws Error(badInput).
[[nodiscard]] std::shared_ptr<const core::ModelTables> readTables(const MethodChoice& choice);

} // namespace kvviz::app
