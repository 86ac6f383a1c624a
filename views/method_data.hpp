// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From replay results to curves of what methods lose against what they keep, mean over prompts with a 95 % bootstrap
// interval.
#pragma once

#include "core/io/results.hpp"
#include "views/figure_data.hpp"

#include <string>
#include <vector>

namespace kvviz::plot {

/// More methods than this are drawn family by family.
inline constexpr std::size_t kMostMethodsAPanel = 10;

struct MethodRequest {
    std::string metric;               ///< "mass", "output", "kl", "logprob", or empty: mass and output, of many methods
                                      ///< output alone if there is any
    std::vector<std::string> methods; ///< specifications as in a replay; empty or "all": what the results hold
    std::uint64_t seed = 0;           ///< of the bootstrap
};

/// Records of several files are joined. Throws Error: usage for an unknown metric and for methods that the results do
/// not hold, badInput when nothing can be drawn.
[[nodiscard]] Figure methodsFigure(const std::vector<io::ReplayRecord>& records, const std::vector<Provenance>& sources,
                                   const MethodRequest& request);

} // namespace kvviz::plot
