// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How a method looks in table and curves: colour and marker by its place among the methods that are compared.
#pragma once

#include "views/figure_data.hpp"
#include "views/plot_style.hpp"

#include <QPixmap>

#include <string>
#include <vector>

namespace kvviz::plot {

/// Name, colour and marker, no points. The full cache and an oracle that stands alone are grey references.
[[nodiscard]] CurveSeries liveSeries(const std::string& method, const std::string& title,
                                     const std::vector<std::string>& methods);

/// A piece of its line with the marker, as in a legend; `ratio`: device pixels a pixel.
[[nodiscard]] QPixmap sampleOf(const CurveSeries& series, const PlotStyle& style, QSize size, double ratio);

} // namespace kvviz::plot
