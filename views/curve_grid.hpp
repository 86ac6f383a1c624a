// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Small multiples: panels of curves in a grid on shared axes, a legend below each and one for the references that all
// of them show, or one legend for everything.
#pragma once

#include "views/curve_item.hpp"
#include "views/figure_data.hpp"
#include "views/text_block.hpp"

#include <memory>
#include <vector>

namespace kvviz::plot {

class CurveGrid {
public:
    /// As many columns as `width` has room for. The plot owns what is drawn.
    CurveGrid(QCustomPlot* plot, QCPLayoutInset* layout, const CurveFigure& figure, const PlotStyle& style,
              double width);

    /// With panels of a pleasant shape.
    [[nodiscard]] double naturalHeight() const;
    void place(const QRectF& rect, QSizeF canvas);

private:
    void makeLegends(QCustomPlot* plot, const CurveFigure& figure);
    [[nodiscard]] int rows() const;
    [[nodiscard]] int column(std::size_t panel) const { return static_cast<int>(panel) % m_columns; }
    [[nodiscard]] int row(std::size_t panel) const { return static_cast<int>(panel) / m_columns; }
    /// Nothing stands below it.
    [[nodiscard]] bool isLast(std::size_t panel) const;
    /// Its x axis has a label.
    [[nodiscard]] bool isLabelled(std::size_t panel) const { return m_ownX || isLast(panel); }
    [[nodiscard]] double panelWidth() const;
    [[nodiscard]] double naturalPanelHeight() const;
    [[nodiscard]] double legendWidth() const;
    [[nodiscard]] double legendHeight(std::size_t panel) const;
    /// Of a row without its data areas: titles, axes, legends.
    [[nodiscard]] double rowExtra(int row) const;
    [[nodiscard]] bool hasFreeCell() const;
    [[nodiscard]] double cornerWidth() const; ///< of the free cells
    [[nodiscard]] double keyHeight(double width) const;
    [[nodiscard]] double footHeight() const; ///< of that legend when it stands below everything
    void placeKey(const QRectF& rect);

    PlotStyle m_style;
    double m_width = 0;
    int m_columns = 1;
    bool m_ownX = false; ///< panels have different x axes
    bool m_keyInCorner = false; ///< the legend that is not of one panel, where it has room; else it is below everything
    std::vector<std::unique_ptr<CurveItem>> m_items;
    std::vector<LegendBlock*> m_legends;
    LegendBlock* m_key = nullptr; ///< not of one panel; may be none
    TextBlock* m_keyTitle = nullptr;
};

} // namespace kvviz::plot
