// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Fonts, line widths and colours of every drawing. Lengths are given in points and turned into plot units: pixels in a
// window, 1/288 inch in an export, so that the same items draw both.
#pragma once

#include <QColor>
#include <QFont>
#include <QPalette>
#include <QPen>
#include <QString>

#include "views/qcustomplot.hpp"

#include <vector>

namespace kvviz::plot {

/// Plot units per inch of an export.
inline constexpr double kExportUnitsPerInch = 288.0;

struct PlotStyle {
    double unitsPerPoint = kExportUnitsPerInch / 72.0;
    double fontPt = 7.5;
    double tokenScale = 0.72; ///< size of token texts on axes
    double spread = 1.0;      ///< distance of ticks and width of lines: larger on a screen
    double lineScale = 1.0;   ///< all lines are so many times as wide as they are meant to be
    double markerScale = 1.0; ///< likewise markers
    QString family;
    bool dark = false;
    QColor background, text, subtle, axis, grid, masked, boundary, sink;
    std::vector<QColor> seriesColors; ///< in place of the built-in palette; empty: that one

    /// For exports, light (paper) or dark (slides); fontPt as printed.
    [[nodiscard]] static PlotStyle paper(double fontPt = 7.5, bool dark = false);
    /// Follows the palette of a window (dark or light by its lightness); `dotsPerInch` is the screen's logical one.
    [[nodiscard]] static PlotStyle screen(const QPalette& palette, double dotsPerInch, double fontPt = 9.0);

    [[nodiscard]] double units(double points) const { return points * unitsPerPoint; }
    [[nodiscard]] QFont font(double scale = 1.0, bool bold = false) const;
    [[nodiscard]] QPen pen(const QColor& color, double widthPt, Qt::PenStyle line = Qt::SolidLine) const;
    [[nodiscard]] double lineHeight(double scale = 1.0) const;
    [[nodiscard]] double textWidth(const QString& text, double scale = 1.0, bool bold = false) const;

private:
    void makeDark(const QColor& base);
};

/// Okabe-Ito colours, told apart with every kind of colour vision; they come round again after kSeriesColors, markers
/// after 9.
inline constexpr int kSeriesColors = 8;
[[nodiscard]] QColor seriesColor(int index, const PlotStyle& style);
/// Colours of this style's palette before they come round again.
[[nodiscard]] int seriesColorCount(const PlotStyle& style);
/// Shapes of markers in the order of series, in any colour.
[[nodiscard]] QCPScatterStyle seriesMarker(int index, const QColor& color, bool hollow, const PlotStyle& style);
/// Of an ordered scale (viridis without what the background would hide): 0 is nearest to the background, 1 farthest.
[[nodiscard]] QColor shadeColor(double shade, const PlotStyle& style);

/// Of linear axes that may have negative values.
[[nodiscard]] QSharedPointer<QCPAxisTicker> numberTicker();

/// Label, tick and line settings of an axis in this style.
void styleAxis(QCPAxis* axis, const PlotStyle& style);
/// Four axes, no margins of its own, no minimum size: the rectangle given by its place is the data area.
void styleAxisRect(QCPAxisRect* rect, const PlotStyle& style);
/// The same for maps, where the axes leave the frame to drawFrame().
void styleMapRect(QCPAxisRect* rect, const PlotStyle& style);
/// A frame just outside of the data: on it, it would hide the first keys, which matter most (sinks).
void drawFrame(QCPPainter* painter, const QRect& data, const PlotStyle& style);

} // namespace kvviz::plot
