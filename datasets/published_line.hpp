// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The paper's printed numbers that come nearest to a measurement: of the same ability and method, with as many
// examples, of a model whose name is like the measured one's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kvviz::datasets {

/// What was measured.
struct PublishedWish {
    std::string category;    ///< of TaskInfo
    std::string method;      ///< specification as for a replay
    std::string model;       ///< any name
    std::int64_t shots = -1; ///< examples in each prompt; -1: not known
    /// Only numbers printed for just as many examples; else many-shot numbers for 16 examples or more, and of the rest
    /// those of the nearest number.
    bool sameShots = false;
};

struct PublishedPoint {
    double ratio = 1, score = 0, change = 0; ///< fraction of 1; relative change against the printed full cache
    int table = 0;
    std::vector<std::string> flags;
};

/// One method of one block of a table, ratios ascending, all below 1.
struct PublishedLine {
    std::string model, benchmark, setting; ///< as printed
    double base = 0;                       ///< score of the full cache
    std::vector<PublishedPoint> points;
};

/// None if the paper prints nothing of this ability with this method.
[[nodiscard]] std::optional<PublishedLine> publishedLine(const PublishedWish& wish);

/// What rows of the paper with one of these flags show is likely not what they say they show.
[[nodiscard]] bool isMisprint(const PublishedPoint& point);

} // namespace kvviz::datasets
