// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// ShotKV's decode phase (methods.md 5.8, Eq. 7-9): token-level eviction of generated keys, replayed step by step.
#pragma once

#include "core/capture_source.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace kvviz::compress {

/// k_t = max(1, ceil(ratio * generated)), the generated tokens kept after `generated` steps. The count is of all
/// tokens generated so far: counting the compressed cache instead would converge to ratio / (1 - ratio) tokens.
[[nodiscard]] std::int64_t decodeKeepCount(std::int64_t generated, double ratio);

/// Keys that each decode query sees, [t, T] of 0 or 1, one set for all heads: the kept prompt positions, the survivors
/// of the steps before and the query's own key. A query's attention decides what later queries see, never what it
/// sees itself. `recall` chooses among all generated keys again at each step instead of evicting for good.
[[nodiscard]] std::vector<std::uint8_t> shotDecodeMask(const core::LayerData& data,
                                                       std::span<const std::int32_t> keptPrompt, double ratio,
                                                       bool recall);

} // namespace kvviz::compress
