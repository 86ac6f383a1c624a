// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the user opens, told apart by what it is: captures and folders of them, results, checks of predictions, sessions.
#pragma once

#include "core/io/capture_reader.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace kvviz::views {

struct OpenedFiles {
    std::vector<io::CaptureRef> captures;
    std::vector<std::filesystem::path> results; ///< *.kvres.h5, and checks of predictions, *.json
    std::filesystem::path session;              ///< the last one named; empty: none
    std::vector<std::filesystem::path> named;   ///< paths that gave captures or results, for the list of recent ones
    std::vector<std::string> faults;            ///< one sentence for each path that is none of these
};

/// Looks into folders (captures and results in them, not below). Never throws; reads no more than it must, but a folder
/// on a slow disk takes its time: call it off the GUI thread.
[[nodiscard]] OpenedFiles sortFiles(const std::vector<std::filesystem::path>& paths);

/// One sentence about captures whose files are not there; empty when all are.
[[nodiscard]] std::string missingCaptures(const std::vector<io::CaptureRef>& captures);

} // namespace kvviz::views
