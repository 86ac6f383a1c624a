// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How hidden benchmarks tell their figures: a line of JSON each, which scripts/bench reads.
#pragma once

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace kvviz::test {

/// {"bench": "map_frames", "what": "zoom", "median_ms": 4.2}. Names and texts must need no escapes.
inline void printBenchLine(const std::string& bench, const std::string& what,
                           const std::vector<std::pair<std::string, double>>& values)
{
    std::printf("{\"bench\": \"%s\", \"what\": \"%s\"", bench.c_str(), what.c_str());
    for (const auto& [name, value] : values)
        std::printf(", \"%s\": %.3f", name.c_str(), value);
    std::printf("}\n");
    std::fflush(stdout);
}

} // namespace kvviz::test
