// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Made-up attention that looks like a language model's, as drawing data: a sink, a diagonal band, heavy-hitter columns,
// shot structure. Used to test (and look at) drawing without a capture.
#pragma once

#include "core/io/results.hpp"
#include "views/figure_data.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace kvviz::test {

struct MapShape {
    std::int64_t n = 1024;    ///< prompt tokens
    std::int64_t t = 48;      ///< decode steps
    std::int64_t cells = 256; ///< cells a side of the pooled tile; 0: one a token
    int shots = 8;
    std::uint64_t seed = 1;
};

/// Segments I, S1.., Q, G over the tokens.
[[nodiscard]] std::vector<plot::SegmentMark> madeUpSegments(const MapShape& shape);
/// Attention of one query on one key of the made-up model.
[[nodiscard]] double madeUpAttention(std::int64_t query, std::int64_t key, const MapShape& shape);
[[nodiscard]] plot::MapPanel madeUpPanel(const MapShape& shape);
[[nodiscard]] plot::Figure madeUpHeatmap(const MapShape& shape);

/// A tile of n tokens (exact) that is `background` up to the diagonal and 1 in whole columns `lines`.
[[nodiscard]] io::MapTile columnTile(std::int64_t n, const std::vector<std::int64_t>& lines, float background);

/// Replays of eight methods at nine ratios for some prompts, aggregates only.
[[nodiscard]] std::vector<io::ReplayRecord> madeUpRecords(int prompts);

struct EvalTask {
    std::string name, category;
    std::int64_t prompts = 40;
    double base = 0.8;  ///< of prompts that the full cache has right
    double strain = 1;  ///< how much compression hurts
    std::int64_t shots = -1;
};

/// Evaluations of methods (specifications) on tasks at ratios, with prompts' scores, their delta and its interval, and
/// one of the full cache a task. The same arguments give the same records.
[[nodiscard]] std::vector<io::EvalRecord> madeUpEvaluations(const std::vector<EvalTask>& tasks,
                                                            const std::vector<std::string>& methods,
                                                            const std::vector<double>& ratios);

} // namespace kvviz::test
