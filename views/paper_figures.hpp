// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The figures of arXiv 2502.01941v4 by their number, from measured data: each is a choice of records and a way of
// drawing that the other figures have. docs/figures.md says which is which.
#pragma once

#include "core/io/results.hpp"
#include "views/delta_data.hpp"
#include "views/figure_data.hpp"

#include <string>
#include <utility>
#include <vector>

namespace kvviz::plot {

enum class PaperInput : std::uint8_t { captures, evaluations };

struct PaperFigure {
    std::string name;    ///< "fig1"
    std::string title;   ///< what it shows, half a sentence
    PaperInput input = PaperInput::evaluations;
    std::string by;      ///< DeltaRequest::by; empty: it has a builder of its own
    bool published = true; ///< the paper prints numbers for it
    std::string command; ///< that makes what it needs, a task or so
};

/// fig1 to fig9, in order.
[[nodiscard]] const std::vector<PaperFigure>& paperFigures();
/// Null if `name` is none of them.
[[nodiscard]] const PaperFigure* findPaperFigure(const std::string& name);

/// What the JSON file beside it says of its origin: name and value.
[[nodiscard]] std::pair<std::string, std::string> paperParameter(const PaperFigure& figure);

/// Those that are drawn from evaluations. `request`: methods, tasks, metric, range, seed and the source of printed
/// numbers (which figures without any do not ask); its `by` does not count. Throws Error: badInput when the records are
/// not what the figure compares (two models, several numbers of examples, ...), naming the command that makes them;
/// else as deltaFigure().
[[nodiscard]] Figure paperFigure(const PaperFigure& figure, const std::vector<io::EvalRecord>& records,
                                 const std::vector<Provenance>& sources, DeltaRequest request);

} // namespace kvviz::plot
