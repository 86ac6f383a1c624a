// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From the options of `kvviz capture` to the prompts to run and the settings to run them with.
#pragma once

#include "app/options.hpp"
#include "app/shard.hpp"
#include "capture/session.hpp"

#include <filesystem>
#include <vector>

namespace kvviz::app {

struct CaptureJob {
    capture::PromptSource source;
    std::filesystem::path output;
};

/// All prompts of the command line, in order. Throws Error(usage) when none or more than one
/// kind of prompt is given or two prompts would get the same file, Error(badInput) for unreadable files.
[[nodiscard]] std::vector<CaptureJob> makeCaptureJobs(const CaptureOptions& options);
/// Those of one shard.
[[nodiscard]] std::vector<CaptureJob> jobsOf(const Shard& shard, const std::vector<CaptureJob>& all);

/// Why the file of a job is not the capture that this run would write there: no whole capture, another prompt, model or
/// choice of what to keep. Empty: it is, and --resume may skip it.
[[nodiscard]] std::string resumeFault(const CaptureJob& job, const capture::CaptureSettings& settings,
                                      const CaptureOptions& options, const core::ModelInfo& model);

/// Checks and converts; throws Error(usage) naming the option.
[[nodiscard]] capture::CaptureSettings makeCaptureSettings(const CaptureOptions& options, const CommonOptions& common,
                                                           const core::ModelInfo& model);

/// True when the output is a folder of captures and not one file.
[[nodiscard]] bool isBatch(const CaptureOptions& options);

} // namespace kvviz::app
