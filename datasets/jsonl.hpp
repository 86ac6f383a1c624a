// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// JSON lines: one object a line, blank lines allowed.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <functional>
#include <string>

namespace kvviz::datasets {

/// Calls `use` for each line's object; `use` returns false, or lets a JSON exception out, if the object is not what it
/// needs. Such a line, or one that is no JSON, is left out with `skipBad`, else throws Error(badInput) with file, line
/// and `expected`. Throws Error(badInput) too if no usable line is left.
void readJsonLines(const std::filesystem::path& path, const std::string& expected, bool skipBad,
                   const std::function<bool(const nlohmann::json&)>& use);

} // namespace kvviz::datasets
