// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/curve_grid.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::plot {

namespace {

constexpr double kColumnPt = 150;  // least width of a panel with its axis; half a column of a page when that is all
constexpr int kMostColumns = 3;
constexpr double kShape = 0.78;    // height of a data area, of its width
constexpr double kColumnGapPt = 5; // beyond what the last tick label needs
constexpr double kRowGapPt = 7;
constexpr double kLegendGapPt = 1;
constexpr double kKeyScale = 0.9;

} // namespace

CurveGrid::CurveGrid(QCustomPlot* plot, QCPLayoutInset* layout, const CurveFigure& figure, const PlotStyle& style,
                     double width)
    : m_style(style), m_width(width)
{
    const int panels = static_cast<int>(figure.panels.size());
    const int room = static_cast<int>(width / style.units(kColumnPt));
    m_columns = std::max(1, std::min({kMostColumns, std::max(2, room), panels}));
    for (const CurvePanel& panel : figure.panels) {
        m_items.push_back(std::make_unique<CurveItem>(plot, layout));
        m_items.back()->setPanel(panel, style);
        m_legends.push_back(new LegendBlock(plot)); // owned by the plot
        m_legends.back()->setEntries(panel, LegendBlock::Which::others, style);
    }
    for (LegendBlock* legend : m_legends)
        legend->fitTo(legendWidth());
    const auto& series = figure.panels.front().series;
    if (std::none_of(series.begin(), series.end(), [](const CurveSeries& one) { return one.reference; }))
        return;
    m_key = new LegendBlock(plot);
    m_key->setEntries(figure.panels.front(), LegendBlock::Which::references, style);
    m_keyTitle = new TextBlock(plot);
}

int CurveGrid::rows() const { return row(m_items.size() - 1) + 1; }

bool CurveGrid::isLast(std::size_t panel) const
{
    return panel + static_cast<std::size_t>(m_columns) >= m_items.size();
}

bool CurveGrid::hasFreeCell() const { return m_items.size() % static_cast<std::size_t>(m_columns) != 0; }

double CurveGrid::panelWidth() const
{
    const CurveItem& item = *m_items.front();
    const double gaps = (m_columns - 1) * (item.rightMargin() + m_style.units(kColumnGapPt));
    return std::max(10.0, (m_width - item.leftMargin() - item.rightMargin() - gaps) / m_columns);
}

double CurveGrid::legendWidth() const { return panelWidth() + m_items.front()->rightMargin(); }

double CurveGrid::legendHeight(std::size_t panel) const
{
    return m_legends[panel]->heightForWidth(legendWidth()) + m_style.units(kLegendGapPt);
}

double CurveGrid::rowExtra(int row) const
{
    double below = 0;
    for (std::size_t i = 0; i < m_items.size(); ++i)
        if (this->row(i) == row)
            below = std::max(below, m_items[i]->bottomMargin(isLast(i)) + legendHeight(i));
    const double gap = row + 1 < rows() ? m_style.units(kRowGapPt) : 0.0;
    return m_items.front()->topMargin() + below + gap;
}

double CurveGrid::keyHeight(double width) const
{
    return m_key ? m_style.lineHeight(kKeyScale) * 1.1 + m_key->heightForWidth(width) : 0.0;
}

double CurveGrid::footHeight() const
{
    return hasFreeCell() || !m_key ? 0.0 : keyHeight(m_width) + m_style.units(kRowGapPt);
}

double CurveGrid::naturalHeight() const
{
    double height = footHeight();
    for (int i = 0; i < rows(); ++i)
        height += rowExtra(i) + panelWidth() * kShape;
    return height;
}

void CurveGrid::place(const QRectF& rect, QSizeF canvas)
{
    double extra = footHeight();
    for (int i = 0; i < rows(); ++i)
        extra += rowExtra(i);
    const CurveItem& first = *m_items.front();
    const double width = panelWidth(), height = std::max(10.0, (rect.height() - extra) / rows());
    const double step = width + first.rightMargin() + m_style.units(kColumnGapPt);
    const auto left = [&](int column) { return rect.left() + first.leftMargin() + column * step; };
    double top = rect.top();
    for (std::size_t i = 0; i < m_items.size(); ++i) {
        const QRectF inner(left(column(i)), top + first.topMargin(), width, height);
        m_items[i]->placeAxes(inner, canvas, column(i) == 0, isLast(i));
        const double below = inner.bottom() + first.bottomMargin(isLast(i)) + m_style.units(kLegendGapPt);
        m_legends[i]->place(QRectF(inner.left(), below, legendWidth(), legendHeight(i)));
        if (column(i) == m_columns - 1)
            top += height + rowExtra(row(i));
    }
    if (!m_key)
        return;
    if (hasFreeCell())
        placeKey(QRectF(left(column(m_items.size())), top + first.topMargin(), legendWidth(), height));
    else
        placeKey(QRectF(left(0), rect.bottom() - keyHeight(m_width), m_width - first.leftMargin(), 0));
}

void CurveGrid::placeKey(const QRectF& rect)
{
    const double line = m_style.lineHeight(kKeyScale) * 1.1;
    m_keyTitle->setPieces({{QRectF(rect.left(), rect.top(), rect.width(), line), Qt::AlignLeft | Qt::AlignVCenter,
                            QStringLiteral("In every panel:"), m_style.font(kKeyScale), m_style.text}});
    m_key->place(rect.adjusted(0, line, 0, 0));
}

} // namespace kvviz::plot
