// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Figures of matrices and of bars: panels beside each other where there is room, small print below.
#include "views/figure_scene.hpp"
#include "views/painted_item.hpp"
#include "views/scale_bar.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::plot {

namespace {

constexpr double kGapPt = 5;
constexpr double kWideCanvasPt = 320; // wider than one column of a page: panels beside each other
constexpr double kWidestScalePt = 160;

} // namespace

template <typename Item>
void FigureScene::placeBlocks(std::vector<std::unique_ptr<Item>>& items, double footer, double height)
{
    const int count = static_cast<int>(items.size());
    const int columns = m_size.width() > m_style.units(kWideCanvasPt) ? std::max(1, std::min(count, 3)) : 1;
    const int rows = std::max(1, (count + columns - 1) / columns);
    const double margin = m_style.units(2), gap = m_style.units(kGapPt), top = margin + titleHeight();
    const double width = (m_size.width() - 2 * margin - (columns - 1) * gap) / columns;
    double tallest = 0;
    for (const auto& item : items)
        tallest = std::max(tallest, item->heightForWidth(width));
    if (height <= 0)
        m_size.setHeight(std::ceil(top + rows * tallest + (rows - 1) * gap + footer + margin));
    const double each = (m_size.height() - top - footer - margin - (rows - 1) * gap) / rows;
    for (int i = 0; i < count; ++i) {
        Item& item = *items[static_cast<std::size_t>(i)];
        item.place(QRectF(margin + i % columns * (width + gap), top + i / columns * (each + gap), width, each));
    }
}

void FigureScene::buildMatrices(const MatrixFigure& figure, double height)
{
    for (const MatrixPanel& panel : figure.panels) {
        auto item = std::make_unique<MatrixItem>();
        item->setPanel(panel, figure.scale, m_style);
        new PaintedItem(m_plot.get(), [matrix = item.get()](QPainter& painter) { // owned by the plot
            matrix->paint(painter);
            matrix->paintMark(painter);
        });
        m_matrices.push_back(std::move(item));
    }
    const double small = notes(figure.notes, 0, false), margin = m_style.units(2);
    const double footer = small + scaleBarHeight(m_style) + m_style.units(kGapPt);
    placeBlocks(m_matrices, footer, height);
    notes(figure.notes, m_size.height() - small, true);
    const double width = std::min(m_size.width() - 2 * margin, m_style.units(kWidestScalePt));
    const QRectF place(margin, m_size.height() - small - scaleBarHeight(m_style) - m_style.units(1), width,
                       scaleBarHeight(m_style));
    new PaintedItem(m_plot.get(), [bar = scaleBarOf(figure.scale), place, style = m_style](QPainter& painter) {
        paintScaleBar(painter, bar, place, style);
    });
}

void FigureScene::buildBars(const BarFigure& figure, double height)
{
    for (const BarPanel& panel : figure.panels) {
        auto item = std::make_unique<BarItem>();
        item->setPanel(panel, m_style);
        new PaintedItem(m_plot.get(), [bars = item.get()](QPainter& painter) { bars->paint(painter); });
        m_bars.push_back(std::move(item));
    }
    const double small = notes(figure.notes, 0, false);
    placeBlocks(m_bars, small, height);
    notes(figure.notes, m_size.height() - small, true);
}

} // namespace kvviz::plot
