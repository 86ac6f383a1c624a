// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// From replay results to curves against the ratio kept: lost attention mass and output error, mean over prompts with
// a 95 % bootstrap interval.
#pragma once

#include "core/io/results.hpp"
#include "views/figure_data.hpp"

#include <string>
#include <vector>

namespace kvviz::plot {

struct MethodRequest {
    std::string metric;     ///< "mass", "output", or empty for both
    std::uint64_t seed = 0; ///< of the bootstrap
};

/// Records of several files are joined. Throws Error: usage for an unknown metric, badInput when nothing can be drawn.
[[nodiscard]] Figure methodsFigure(const std::vector<io::ReplayRecord>& records, const std::vector<Provenance>& sources,
                                   const MethodRequest& request);

} // namespace kvviz::plot
