// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Bars over named categories with a value axis, lines across and a legend. Drawn with any painter: figures and widgets
// use this same class.
#pragma once

#include "views/figure_data.hpp"
#include "views/plot_style.hpp"

#include <QPainter>
#include <QRectF>

namespace kvviz::plot {

class BarItem {
public:
    void setPanel(const BarPanel& panel, const PlotStyle& style);
    void place(const QRectF& rect);
    [[nodiscard]] double heightForWidth(double width) const;

    [[nodiscard]] const BarPanel& panel() const { return m_panel; }
    [[nodiscard]] QRectF plotRect() const { return m_plot; } ///< within the axes
    [[nodiscard]] QRectF barRect(int series, int category) const;
    /// The category below a position, -1: none.
    [[nodiscard]] int categoryAt(QPointF position) const;
    void paint(QPainter& painter) const;

private:
    struct Entry;
    [[nodiscard]] std::vector<Entry> legend() const;
    [[nodiscard]] double legendHeight(double width) const;
    [[nodiscard]] double slot() const; ///< width of a category
    [[nodiscard]] double y(double value) const;
    void paintAxis(QPainter& painter) const;
    void paintBars(QPainter& painter) const;
    void paintMark(QPainter& painter, QPointF center, double size) const;
    void paintLabels(QPainter& painter) const;
    double paintTitle(QPainter& painter) const;
    void paintSample(QPainter& painter, const Entry& entry, const QRectF& box) const;
    void paintLegend(QPainter& painter) const;

    BarPanel m_panel;
    PlotStyle m_style;
    QRectF m_rect, m_plot;
};

} // namespace kvviz::plot
