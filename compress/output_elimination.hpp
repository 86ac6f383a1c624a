// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Greedy backward elimination of keys by the output error that their loss would cause the queries to come (methods.md
// 5.17, O-out). A heuristic: the best set of C keys is a combinatorial problem, and sets found this way are nested.
#pragma once

#include "core/capture_source.hpp"
#include "compress/top_k.hpp"

namespace kvviz::compress {

/// Prompt keys of a KV head in the order in which they should stay. Starting with all keys, each round removes the
/// `step` part of those that remain (at least one), those whose loss adds least to
///     sum over decode queries q and query heads h in g of  |o - o'| / |o|,
/// o' the output with the softmax over the remaining prompt keys and the decode keys. Scores are places in the order of
/// removal, equal where the added error was equal; of equal ones the later position goes first. To leave a
/// query without any mass counts as an error of 100; once it has none, it counts no longer. Needs decode rows and
/// values.
[[nodiscard]] Ranking outputElimination(const core::LayerData& data, int kvHead, double step);

} // namespace kvviz::compress
