// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What an import is of: which arrays there are, in which shapes, and what the metadata says of model and prompt. See
// docs/import.md for the names. Internal to core/io.
#pragma once

#include "core/io/import_metadata.hpp"
#include "core/io/layered_array.hpp"

namespace kvviz::io {

struct ImportDescription {
    core::CaptureInfo info;  ///< all but tier, window, creator, created, command line
    LayeredArray attention;  ///< [H, T, T]
    LayeredArray key, value; ///< [G, T, d]; both or none
    LayeredArray query;      ///< [H, T, d], after rotation, or before it if rawQueries
    bool rawQueries = false;
    Rotation rotation = Rotation::unknown;
    std::vector<std::string> missing; ///< "keys and values ('key', 'value')", ...
    std::vector<std::string> ignored; ///< names of arrays that no import reads, of any type
};

/// `metadata` is JSON text, or empty for the file's own. Throws Error(badInput) that names the array or the key.
[[nodiscard]] ImportDescription describeImport(ArraySource& source, const std::string& metadata);

} // namespace kvviz::io
