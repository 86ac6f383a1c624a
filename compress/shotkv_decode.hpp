// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// ShotKV's decode phase (methods.md 5.8, Eq. 7-9): token-level eviction of generated keys, step by step.
#pragma once

#include "compress/step_rules.hpp"
#include "core/capture_source.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace kvviz::compress {

/// k_t = max(1, ceil(ratio * generated)), the generated tokens kept after `generated` steps. The count is of all
/// tokens generated so far: counting the compressed cache instead would converge to ratio / (1 - ratio) tokens.
[[nodiscard]] std::int64_t decodeKeepCount(std::int64_t generated, double ratio);

/// Of the generated keys alive the best k_t stay, by the attention of all heads of the current query; the first
/// `keptPrompt` places are prompt keys, which all stay. One set for all heads. A query's attention decides what later
/// queries see, never what it sees itself.
[[nodiscard]] StepRules shotDecodeRules(std::int64_t keptPrompt, double ratio);

/// recall=true: chosen among all generated keys again at each step, by captured attention as it is. Keys that each
/// decode query sees, [t, T] of 0 or 1: the kept prompt positions, the chosen ones and the query's own.
[[nodiscard]] std::vector<std::uint8_t> shotRecallMask(const core::LayerData& data,
                                                       std::span<const std::int32_t> keptPrompt, double ratio);

} // namespace kvviz::compress
