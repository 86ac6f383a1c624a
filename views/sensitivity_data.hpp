// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How much compression costs a task, whatever the method: mean over methods of the change of score, with the range from
// the method that loses most to the one that loses least.
#pragma once

#include "views/delta_data.hpp"

namespace kvviz::plot {

/// A line a task, a panel a model. Points are at the ratios that every method of the task has; methods that do not
/// follow the ratio are left out and named. Printed numbers are averaged over the same methods, where all of them have
/// some. Throws as deltaFigure().
[[nodiscard]] Figure sensitivityFigure(const std::vector<io::EvalRecord>& records,
                                       const std::vector<Provenance>& sources, const DeltaRequest& request);

} // namespace kvviz::plot
