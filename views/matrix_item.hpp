// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// A matrix of coloured cells with row and column labels, groups of columns, numbers, means and a framed cell. Drawn
// with any painter: figures and widgets use this same class.
#pragma once

#include "views/figure_data.hpp"
#include "views/plot_style.hpp"

#include <QPainter>
#include <QPoint>
#include <QRectF>

#include <optional>

namespace kvviz::plot {

class MatrixItem {
public:
    void setPanel(const MatrixPanel& panel, const ColorScale& scale, const PlotStyle& style);
    /// Another cell is framed; nothing else changes.
    void mark(int row, int column);
    /// Fills `rect`, but cells grow no larger than is pleasant.
    void place(const QRectF& rect);
    /// With cells of a pleasant height.
    [[nodiscard]] double heightForWidth(double width) const;

    [[nodiscard]] const MatrixPanel& panel() const { return m_panel; }
    [[nodiscard]] int rows() const { return static_cast<int>(m_panel.rows.size()); }
    [[nodiscard]] int columns() const { return static_cast<int>(m_panel.columns.size()); }
    [[nodiscard]] QRectF cellsRect() const; ///< of all cells
    [[nodiscard]] QRectF cellRect(int row, int column) const;
    /// x: column, -1 on the labels of the rows; y: row. Nothing elsewhere.
    [[nodiscard]] std::optional<QPoint> cellAt(QPointF position) const;
    [[nodiscard]] double value(int row, int column) const;

    /// Everything but the frame of the marked cell.
    void paint(QPainter& painter) const;
    void paintMark(QPainter& painter) const;

private:
    struct Margins {
        double left = 0, top = 0, right = 0, bottom = 0;
    };
    [[nodiscard]] Margins margins() const;
    [[nodiscard]] double gap() const; ///< between groups
    [[nodiscard]] int gaps() const;
    [[nodiscard]] int gapsBefore(int column) const;
    [[nodiscard]] QColor cellColor(double value) const;
    void paintCells(QPainter& painter) const;
    void paintTile(QPainter& painter, const QRectF& cell, const io::MapTile& tile) const;
    void paintNumber(QPainter& painter, const QRectF& cell, double value, const QColor& color) const;
    void paintRows(QPainter& painter) const;
    void paintColumns(QPainter& painter) const;
    double paintGroups(QPainter& painter, double bottom) const;
    void paintMeans(QPainter& painter) const;

    MatrixPanel m_panel;
    ColorScale m_scale;
    PlotStyle m_style;
    QPointF m_origin;
    double m_cellWidth = 0, m_cellHeight = 0;
    std::vector<double> m_left; ///< [columns] of the cells, from the origin
    bool m_numbersFit = false;
};

} // namespace kvviz::plot
