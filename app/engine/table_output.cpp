// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One place where tables go to files.
#include "app/engine/table_output.hpp"

#include "app/console.hpp"
#include "core/io/part_file.hpp"
#include "core/io/tables.hpp"

namespace kvviz::app {

void requireWritable(const std::string& path, bool force) { const io::PartFile check(path, force); }

core::ModelTables newTables(const core::ModelInfo& model, const CommonOptions& common)
{
    core::ModelTables tables;
    tables.modelSha256 = model.sha256;
    tables.modelName = model.name;
    tables.creator = creatorName();
    tables.commandLine = common.commandLine;
    return tables;
}

void writeTableFile(const std::string& path, const core::ModelTables& tables, bool force)
{
    io::writeTables(path, tables, force);
}

} // namespace kvviz::app
