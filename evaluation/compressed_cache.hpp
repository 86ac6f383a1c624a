// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From plans to caches that a model can decode over.
#pragma once

#include "capture/compact_cache.hpp"
#include "compress/live_plan.hpp"
#include "compress/live_policy.hpp"

#include <span>
#include <string>
#include <vector>

namespace kvviz::evaluation {

/// What a (method, budget) makes of a prompt's cache.
struct CompressedCache {
    explicit CompressedCache(capture::CompactCache empty) : cache(std::move(empty)) {}
    capture::CompactCache cache;
    compress::LiveRules rules{};    ///< of the decode steps
    std::int64_t keptTokens = 0;    ///< by the plan, sum over layers and KV heads
    double keptRatio = 0;           ///< keptTokens / (L G n)
    double sizeRatio = 0;           ///< bytes as the method counts them / those of the full cache
    std::vector<std::string> flags; ///< distinct
};

/// One a pair, in their order. Throws as LivePlanner::run does.
[[nodiscard]] std::vector<CompressedCache> compressCache(compress::LivePlanner& planner,
                                                         const core::CaptureSource& prompt,
                                                         std::span<const std::size_t> pairs,
                                                         const core::Progress& progress = {});

} // namespace kvviz::evaluation
