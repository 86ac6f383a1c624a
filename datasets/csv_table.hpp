// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// CSV files whose first record names the columns.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace kvviz::datasets {

/// Calls `use` for each record with the fields of `columns`, in that order, wherever they stand in the file. `use`
/// returns what is wrong with them, empty for nothing. Throws Error(badInput) with file and line if the header lacks
/// one of the columns, or for a faulty record (wrong quotes, another number of fields than the header, no UTF-8, a
/// fault that `use` found) unless `skipBad`. Returns the number of good records.
std::int64_t readCsvTable(const std::filesystem::path& path, const std::vector<std::string>& columns, bool skipBad,
                          const std::function<std::string(const std::vector<std::string>& fields)>& use);

} // namespace kvviz::datasets
