// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A capture from arrays that Python saved (docs/import.md): everything the arrays allow, checked layer by layer, with
// one layer in memory.
#pragma once

#include "core/capture_info.hpp"
#include "core/progress.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace kvviz::io {

struct ImportSettings {
    std::string metadata; ///< JSON text in place of the file's own; empty: the file's own
    core::Tier tier = core::Tier::map; ///< the most to keep
    std::int64_t window = 32, mapCap = 512;
    core::StorageType rowsType{}, cacheType{}, mapType{};
    std::string creator, created, commandLine;
    bool force = false;
};

/// The text of a file with metadata. Throws Error(badInput) for a file that is none (a folder, a pipe), empty, or larger
/// than any metadata.
[[nodiscard]] std::string readMetadataFile(const std::filesystem::path& file);

struct ImportSummary {
    core::CaptureInfo info;           ///< its tier is the one whose arrays are all there
    std::vector<std::string> missing; ///< what could not be filled in, and the name of what would do it
    std::vector<std::string> ignored; ///< names of arrays of the file that mean nothing to an import
    std::int64_t scaledRows = 0;      ///< attention rows that rounding had moved from a sum of 1
    std::uint64_t fileBytes = 0;
};

/// Writes `output` whole or not at all. Throws Error(badInput) for the arrays (naming array, layer, head, query),
/// Error(failure) for the output.
ImportSummary importCapture(const std::filesystem::path& input, const std::filesystem::path& output,
                            const ImportSettings& settings, const core::Progress& progress);

} // namespace kvviz::io
