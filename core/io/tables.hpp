// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What methods know of a model beyond one capture (*.kvtab.h5, docs/format.md "Tables"): core::ModelTables to and from
// files.
#pragma once

#include "core/model_tables.hpp"

#include <filesystem>
#include <vector>

namespace kvviz::io {

/// Writes PATH.part and renames it. Throws Error(failure) if the file exists without `force` or cannot be written, if
/// an array does not fill its shape or holds what readTables refuses, if no table is there or the model has no SHA-256.
void writeTables(const std::filesystem::path& path, const core::ModelTables& tables, bool force);

/// Throws Error(badInput) that names the file, the group or dataset in it, and what was expected.
[[nodiscard]] core::ModelTables readTables(const std::filesystem::path& path);

/// The tables of several files as one. Throws Error(badInput) naming both files when two hold the same kind of table or
/// are of different models; Error(usage) without files. Creators and command lines are joined line by line; what two
/// files say differently under one name of `extra` is kept under the name and the file.
[[nodiscard]] core::ModelTables mergeTables(const std::vector<std::filesystem::path>& paths);

} // namespace kvviz::io
