// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What tables of a model must satisfy beyond the shapes of their arrays, when written and when read. Internal to
// core/io.
#pragma once

#include "core/error.hpp"
#include "core/model_tables.hpp"

#include <string>

namespace kvviz::io {

/// Throws Error(code) that names the array and the value: numbers that are not finite, negative importance, singular
/// values that rise, a layer that shares from one that shares itself, no table at all, no model. `where` is put before
/// every message: "'x.kvtab.h5': /".
void checkTables(const core::ModelTables& tables, core::ErrorCode code, const std::string& where);

} // namespace kvviz::io
