// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One set of axes with curves, bands and markers, at a place of a plot. Figures and the window use this same class.
#pragma once

#include "views/figure_data.hpp"
#include "views/plot_style.hpp"
#include "views/text_block.hpp"

#include <QPointer>

namespace kvviz::plot {

class CurveItem {
public:
    CurveItem(QCustomPlot* plot, QCPLayoutInset* layout);

    void setPanel(const CurvePanel& panel, const PlotStyle& style);
    void place(const QRectF& rect, QSizeF canvas);
    /// The data area itself, with title above and axes below and to the left of it; which of the axes' texts are drawn.
    void placeAxes(const QRectF& inner, QSizeF canvas, bool yTexts, bool xLabel);
    /// Size of the title at which it fits, at most 1; several panels look better with one size for all.
    [[nodiscard]] double titleScale(double width) const;
    void setTitleScale(double scale) { m_titleScale = scale; }
    [[nodiscard]] double leftMargin() const;
    [[nodiscard]] double topMargin() const;
    [[nodiscard]] double bottomMargin(bool xLabel) const;
    [[nodiscard]] double rightMargin() const;
    [[nodiscard]] QCPAxisRect* axisRect() const { return m_rect; }

private:
    QCPGraph* addGraph(const QVector<double>& x, const std::vector<double>& y);
    void addBand(const CurveSeries& series);
    void addBandRun(const CurveSeries& series, std::size_t begin, std::size_t end);
    void addErrorBars(const CurveSeries& series, QCPGraph* points);
    void setUpAxes();
    void setUpScale(QCPAxis* x, QCPAxis* y);
    [[nodiscard]] double yLabelWidth() const;
    [[nodiscard]] QString letter() const;
    [[nodiscard]] std::vector<TextPiece> heading(double left, double top, double right) const;

    QCustomPlot* m_plot;
    QCPLayoutInset* m_layout;
    QCPAxisRect* m_rect;
    TextBlock* m_title;
    CurvePanel m_panel;
    PlotStyle m_style;
    double m_titleScale = 1;
    std::vector<QPointer<QCPAbstractPlottable>> m_plottables;
};

} // namespace kvviz::plot
