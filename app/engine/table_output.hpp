// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The table files (*.kvtab.h5) that the engine's commands write.
#pragma once

#include "app/options.hpp"
#include "core/capture_info.hpp"
#include "core/model_tables.hpp"

namespace kvviz::app {

/// Throws Error(failure) when `path` exists without `force` or cannot be a file: before the work, not after it.
void requireWritable(const std::string& path, bool force);
/// Tables of this model, still empty, with who makes them.
[[nodiscard]] core::ModelTables newTables(const core::ModelInfo& model, const CommonOptions& common);
void writeTableFile(const std::string& path, const core::ModelTables& tables, bool force);

} // namespace kvviz::app
