// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A colour scale lying on its side: label, bar, numbers at its ends and middle. Drawn with any painter, so that widgets
// and figures show the same.
#pragma once

#include "views/figure_data.hpp"
#include "views/plot_style.hpp"

#include <QPainter>

#include <functional>
#include <vector>

namespace kvviz::plot {

struct ScaleBar {
    QString label;                             ///< may be empty; then it takes no room
    QString low, middle, high;                 ///< numbers below the bar; may be empty
    std::function<QColor(double share)> color; ///< share from 0 to 1
};

/// Of the colour table that `scale` names; numbers with three digits.
[[nodiscard]] ScaleBar scaleBarOf(const ColorScale& scale);
[[nodiscard]] double scaleBarHeight(const PlotStyle& style, bool label = true);
/// The label is put above the bar and cut where it is too long.
void paintScaleBar(QPainter& painter, const ScaleBar& bar, const QRectF& rect, const PlotStyle& style);

/// "0.25", "12", "3e-05": three digits, no trailing zeros, a minus sign as long as a plus sign.
[[nodiscard]] QString shortNumber(double value);
/// Black or white, whichever is read better on `background`.
[[nodiscard]] QColor textOn(const QColor& background);
/// Colour of a value that is not NaN.
[[nodiscard]] QColor scaleColor(double value, const ColorScale& scale);

} // namespace kvviz::plot
