// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The paper's printed numbers that come nearest to an evaluation: of the same ability and method, with as many
// examples, of a model whose name is like the measured one's.
#pragma once

#include "core/io/results.hpp"

#include <optional>
#include <string>
#include <vector>

namespace kvviz::plot {

struct PublishedPoint {
    double ratio = 1, score = 0, change = 0; ///< fraction of 1; relative change against the printed full cache
    int table = 0;
    std::vector<std::string> flags;
};

/// One method of one block of a table, ratios ascending.
struct PublishedLine {
    std::string model, benchmark, setting; ///< as printed
    double base = 0;                       ///< score of the full cache
    std::vector<PublishedPoint> points;
};

/// None if the paper prints nothing of this ability with this method. `sameShots`: with this number of examples or
/// none at all; else many-shot numbers only for 20 examples or more, and of the rest the nearest number.
[[nodiscard]] std::optional<PublishedLine> publishedLine(const io::EvalRecord& record, bool sameShots);

/// What rows of the paper with one of these flags show is likely not what they say they show.
[[nodiscard]] bool isMisprint(const PublishedPoint& point);

} // namespace kvviz::plot
