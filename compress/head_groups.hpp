// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Reduction of scores over the query heads that share a KV head (methods.md 1.6).
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace kvviz::compress {

enum class Reduce { mean, max, sum };
/// "mean", "max", "sum"; throws Error(usage) for any other text.
[[nodiscard]] Reduce reduceFromName(std::string_view name);

/// Element-wise over equally long lists, at least one.
[[nodiscard]] std::vector<double> reduceScores(std::span<const std::vector<double>> lists, Reduce reduce);

} // namespace kvviz::compress
