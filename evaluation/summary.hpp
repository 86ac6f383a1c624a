// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From the outcomes of single prompts to what a method costs on a task.
#pragma once

#include "compress/live_plan.hpp"
#include "core/io/results.hpp"
#include "evaluation/outcome.hpp"

#include <span>

namespace kvviz::evaluation {

/// What is the same for all records of a task.
struct TaskDescription {
    std::string name = {}, category = {}, setting = {};
    std::int64_t shots = -1;
    std::string modelName = {};
};

/// The method's name of the record of the full cache.
inline constexpr const char* kFullCache = "fullkv";

/// One record for the full cache, then one for each pair, over the prompts that were run with it (those refused or with
/// an obstacle are left out; flag "prompts_left_out"). Delta is equation 1 of arXiv 2502.01941 with its bootstrap
/// interval over prompts, the test is paired by prompts (core/bootstrap.hpp); both against the full cache on the same
/// prompts. A pair that ran on no prompt has no record.
[[nodiscard]] std::vector<io::EvalRecord> summarise(const TaskDescription& task,
                                                    std::span<const compress::LivePair> pairs,
                                                    std::span<const PromptOutcome> outcomes, std::uint64_t seed);

} // namespace kvviz::evaluation
