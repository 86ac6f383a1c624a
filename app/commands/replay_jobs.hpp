// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What `kvviz replay` was asked to do: methods, budgets, and which captures go to which results file.
#pragma once

#include "app/options.hpp"
#include "compress/replay.hpp"
#include "core/io/capture_reader.hpp"
#include "core/io/results.hpp"

#include <filesystem>

namespace kvviz::app {

/// Methods, budgets and depth, each checked before any capture is read. Throws Error(usage).
[[nodiscard]] compress::ReplayRequest replayRequest(const ReplayOptions& options, int threads);

struct ReplayJob {
    std::filesystem::path results; ///< empty with --no-output
    std::vector<io::CaptureRef> captures;
};

/// One job an argument, or one in all with --output; an argument given twice counts once. Throws Error(failure) when a
/// results file exists without --force, Error(usage) when two jobs would write the same one.
[[nodiscard]] std::vector<ReplayJob> replayJobs(const ReplayOptions& options);
/// "run/" -> "run/replay.kvres.h5", "a.kvh5" -> "a.kvres.h5"
[[nodiscard]] std::filesystem::path resultsPath(const std::filesystem::path& input);

/// The records of one capture's report. `results` is the file they will be written to (or empty).
[[nodiscard]] std::vector<io::ReplayRecord> makeRecords(compress::ReplayReport&& report, const core::CaptureInfo& info,
                                                        const io::CaptureRef& ref, const std::filesystem::path& results,
                                                        compress::Depth depth);

} // namespace kvviz::app
