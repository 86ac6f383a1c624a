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
    std::vector<std::filesystem::path> results; ///< *.kvres.h5
    std::vector<std::filesystem::path> checks;  ///< predictions against measurements, *.json
    std::filesystem::path session;              ///< the last one named; empty: none
    std::vector<std::string> faults;            ///< one sentence for each path that is none of these
};

/// Looks into folders (captures and results in them, not below). Never throws; reads no more than it must, but a folder
/// on a slow disk takes its time: call it off the GUI thread.
[[nodiscard]] OpenedFiles sortFiles(const std::vector<std::filesystem::path>& paths);

/// What each of the results files holds.
struct ResultFiles {
    std::vector<std::filesystem::path> evaluations, replays;
    std::vector<std::string> faults;
};
[[nodiscard]] ResultFiles sortResults(const std::vector<std::filesystem::path>& files);

} // namespace kvviz::views
