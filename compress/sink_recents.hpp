// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// StreamingLLM's cache (methods.md 5.2): the first tokens and the latest, the same in every layer and head.
#pragma once

#include "compress/step_rules.hpp"
#include "compress/top_k.hpp"
#include "core/capture_source.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace kvviz::compress {

struct SinkRecents {
    std::int64_t sinks = 0, recents = 0; ///< tokens
};
/// A capacity below the sinks keeps the first of them: they tie in kvpress, and ties go to the lowest position.
[[nodiscard]] SinkRecents sinkRecents(std::int64_t capacity, std::int64_t sinksWanted);

/// The prompt keys after one cut at the end of prefill.
[[nodiscard]] TopK promptCut(std::int64_t n, SinkRecents sizes);

/// Room for a query's own key is made before it comes, so that it sees the sinks, the last recents - 1 and its own. The
/// prompt has at least sinks + recents tokens.
[[nodiscard]] StepRules streamingRules(const core::LayerData& data, SinkRecents sizes);

/// Positions by which a key comes nearer to the query when the keys of a cache are numbered 0, 1, ... and the query is
/// the last of them: (q - j) - (c(q) - c(j)), c: rank among the keys of the query's mask row. 0 for hidden keys. [t, T]
[[nodiscard]] std::vector<std::int32_t> cacheShift(const core::LayerData& data, std::span<const std::uint8_t> mask);

} // namespace kvviz::compress
