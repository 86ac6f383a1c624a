// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Our measured versions of the paper's tables 2, 4, 5, 7, 9 and 10: its rows and columns, what it printed beside what
// was measured, always marked "published" with the printed model and what is odd in print.
#pragma once

#include "study/document.hpp"
#include "study/latencies.hpp"
#include "study/score_blocks.hpp"

#include <vector>

namespace kvviz::study {

struct PaperTable {
    int number = 0;      ///< in the paper
    int observation = 0; ///< that it belongs to
    std::string title;
    std::vector<Table> parts; ///< a table for each model, and for each task or number of shots as in the paper
};

/// All six, whatever was measured: cells that were not stay empty, with the reason in the notes.
[[nodiscard]] std::vector<PaperTable> paperTables(const ScoreBlocks& data,
                                                  const std::vector<MeasuredLatency>& latencies = {});

} // namespace kvviz::study
