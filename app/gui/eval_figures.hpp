// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Figures of `kvviz figure` that are drawn from evaluations, and what they share with the others.
#pragma once

#include "app/options.hpp"
#include "views/figure_data.hpp"
#include "views/paper_figures.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace kvviz::app {

/// "LOW,HIGH" of --range, or nothing. Throws Error(usage) with `example` for anything else.
[[nodiscard]] std::optional<std::pair<double, double>> parseRange(const std::string& text, std::string_view example);

/// Throw Error: usage for files and options that do not go together, else as the readers and builders do.
[[nodiscard]] plot::Figure deltaFigure(const FigureOptions& options);
[[nodiscard]] plot::Figure paperFigure(const plot::PaperFigure& figure, const FigureOptions& options);
[[nodiscard]] plot::Figure predictedFigure(const FigureOptions& options);

} // namespace kvviz::app
