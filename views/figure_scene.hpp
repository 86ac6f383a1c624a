// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Lays a figure out on a canvas of a given width: panels in rows, one colour bar, legend and small print below.
#pragma once

#include "views/bar_item.hpp"
#include "views/color_bar.hpp"
#include "views/curve_grid.hpp"
#include "views/curve_item.hpp"
#include "views/figure_data.hpp"
#include "views/heatmap_panel.hpp"
#include "views/matrix_item.hpp"

#include <QSizeF>

#include <memory>

namespace kvviz::plot {

class FigureScene {
public:
    /// Width and height in plot units; height 0: as the figure needs. `rasterDpi` of maps inside vector files.
    FigureScene(const Figure& figure, const PlotStyle& style, double width, double height, double rasterDpi);

    [[nodiscard]] QSizeF size() const { return m_size; }
    [[nodiscard]] QColor background() const { return m_style.background; }
    void paint(QCPPainter* painter);
    [[nodiscard]] QCustomPlot& plot() { return *m_plot; }

private:
    void buildMaps(const HeatmapFigure& maps, double height, double rasterDpi);
    /// `right`: width that the colour bar takes; height 0: as the maps need.
    void placeMaps(int columns, double right, double footer, double height);
    void buildCurves(const CurveFigure& curves, double height);
    void buildGrid(const CurveFigure& curves, double height);
    void buildMatrices(const MatrixFigure& figure, double height);
    void buildBars(const BarFigure& figure, double height);
    template <typename Item>
    void placeBlocks(std::vector<std::unique_ptr<Item>>& items, double footer, double height);
    [[nodiscard]] double titleHeight() const;
    /// Small print below `top`; returns its height (measured only, when `draw` is false).
    double notes(const std::vector<std::string>& lines, double top, bool draw);

    PlotStyle m_style;
    QString m_titleText;
    std::string m_sinkNote; ///< for the small print; empty: it is there already, or nothing depends on sinks
    std::unique_ptr<QCustomPlot> m_plot;
    QCPLayoutInset* m_layout = nullptr; // owned by the plot
    TextBlock* m_texts = nullptr;
    std::vector<TextPiece> m_pieces;
    std::vector<std::unique_ptr<HeatmapPanel>> m_maps;
    std::vector<std::unique_ptr<CurveItem>> m_curves;
    std::unique_ptr<CurveGrid> m_grid;
    std::vector<std::unique_ptr<MatrixItem>> m_matrices;
    std::vector<std::unique_ptr<BarItem>> m_bars;
    QSizeF m_size;
};

/// Takes a plot's default axes away and gives it one free layout that fills it.
[[nodiscard]] QCPLayoutInset* makeFreeLayout(QCustomPlot* plot);

} // namespace kvviz::plot
