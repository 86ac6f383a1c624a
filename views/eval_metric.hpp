// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a figure shows of an evaluation: a number with its 95 % interval, in the units of its axis.
#pragma once

#include "core/bootstrap.hpp"
#include "core/io/results.hpp"

#include <string>

namespace kvviz::plot {

struct EvalMetric {
    std::string name;   ///< "delta"
    std::string yLabel;
    std::string text;   ///< what it is, for the small print
    std::string missing; ///< why a record may not have it
    double scale = 1;   ///< from the record's units to the axis'
    bool change = true; ///< 0 means: as with the full cache
    core::Estimate (*value)(const io::EvalRecord&, std::uint64_t seed); ///< in the record's units; NaN: it has none
    core::Estimate (*full)(const io::EvalRecord&, std::uint64_t seed);  ///< of the full cache on the same prompts
};

/// "delta", "score", "gold"; empty is delta. Throws Error(usage) for another. Intervals other than delta's are drawn
/// from the records' arrays of prompts and missing without them.
[[nodiscard]] const EvalMetric& evalMetric(const std::string& name);

} // namespace kvviz::plot
