// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The shape of kept sets: how long their runs are and how much neighbouring layers agree (methods.md 2.3).
#pragma once

#include "compress/method.hpp"

namespace kvviz::compress {

/// |a and b| / |a or b| of ascending position lists; 1 for two empty ones.
[[nodiscard]] double jaccard(std::span<const std::int32_t> a, std::span<const std::int32_t> b);
/// Mean over neighbouring plans and KV heads; NaN for fewer than two plans.
[[nodiscard]] double adjacentJaccard(std::span<const LayerPlan> plans);
/// Runs of consecutive kept positions by length: entry i counts those of 2^i to 2^(i+1)-1 tokens, the last all longer
/// ones. [16]
[[nodiscard]] std::vector<std::int64_t> runLengths(std::span<const LayerPlan> plans);
/// Kept tokens a run; NaN when nothing is kept.
[[nodiscard]] double meanRun(std::span<const LayerPlan> plans);

} // namespace kvviz::compress
