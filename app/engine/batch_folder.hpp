// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The folder of a batch: made, described for `kvviz status`, and freed of what dead tasks left.
#pragma once

#include "app/engine/capture_jobs.hpp"

#include <functional>
#include <vector>

namespace kvviz::app {

/// Makes the folder, writes capture.json of `all` prompts (every shard the same text, so their order does not matter) and
/// removes parts of dead writers. Where all of `jobs`, this shard's, is there already, a capture.json with the same text
/// is not touched. Where --resume changes what it says and captures are there, one of them must pass
/// `requireResumable`; else what that throws goes through, and nothing is written. Throws Error(failure).
void prepareFolder(const CaptureOptions& options, const std::vector<CaptureJob>& all,
                   const std::vector<CaptureJob>& jobs, const core::ModelInfo& model,
                   const std::function<void(const CaptureJob&)>& requireResumable);
/// Once more at the end: what died while this run was at work.
void tidyFolder(const CaptureOptions& options);

} // namespace kvviz::app
