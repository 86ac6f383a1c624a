// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One JSON array of objects, as some data sets are published; each element is read by itself, so that a fault is named
// with its line and one bad record need not cost the file.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <functional>
#include <string>

namespace kvviz::datasets {

/// As readJsonLines, for the elements of an array; the line named is the one in which the element starts.
/// Throws Error(badInput) too if the file is no array or ends within one.
void readJsonArray(const std::filesystem::path& path, const std::string& expected, bool skipBad,
                   const std::function<bool(const nlohmann::json&)>& use);

} // namespace kvviz::datasets
