// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A folder of large captures, for tests of how a window opens one. The numbers are drawn, not computed by a model, so
// that gigabytes take seconds; files, chunks, compression and sizes are those of the capture writer.
#pragma once

#include "tests/support/synthetic_capture.hpp"

#include <filesystem>
#include <vector>

namespace kvviz::test {

struct CaptureFolderOptions {
    SyntheticOptions shape;
    std::int64_t mapCap = 256; ///< cells a side of the pyramid, at most
    std::uint64_t bytes = 0;   ///< captures are added until the folder holds as many, three at least
};

struct CaptureFolder {
    std::vector<std::filesystem::path> files;
    std::uint64_t bytes = 0; ///< of all files, on disk
};

/// Fills `folder`, which must exist; captures of the same names that are there already are kept. The first three files
/// are drawn, of three tasks, the others are copies of them. Tier `map`; rows of attention sum to 1, with a sink and
/// recent keys, but do not follow from the keys and queries.
CaptureFolder writeCaptureFolder(const std::filesystem::path& folder, const CaptureFolderOptions& options);

/// Writes the files back to the disk and asks the system to forget their pages, so that the next read is a cold one.
void dropFromPageCache(const std::vector<std::filesystem::path>& files);

} // namespace kvviz::test
