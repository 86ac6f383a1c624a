// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/curve_grid.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::plot {

namespace {

constexpr double kColumnPt = 150;  // least width of a panel with its axis; half a column of a page when that is all
constexpr double kSlimColumnPt = 118; // where no legend stands below it
constexpr int kMostColumns = 3;
constexpr int kMostSlimColumns = 4;
constexpr double kShape = 0.78;    // height of a data area, of its width
constexpr double kFlatShape = 0.62; // of many rows, so that they stay on a page
constexpr int kManyRows = 4;
constexpr double kTallestPt = 200;  // of a data area at the usual text size: one alone is as wide as the page
constexpr double kUsualFontPt = 7.5;
constexpr double kColumnGapPt = 5; // beyond what the last tick label needs
constexpr double kRowGapPt = 7;
constexpr double kLegendGapPt = 1;
constexpr double kKeyScale = 0.9;
constexpr double kLeastTitle = 0.75; // to which all titles follow the longest one

/// As even as the rows can be with few free cells.
int evenColumns(int panels, int most)
{
    const int rows = (panels + most - 1) / most;
    return (panels + rows - 1) / rows;
}

} // namespace

CurveGrid::CurveGrid(QCustomPlot* plot, QCPLayoutInset* layout, const CurveFigure& figure, const PlotStyle& style,
                     double width)
    : m_style(style), m_width(width)
{
    const int panels = static_cast<int>(figure.panels.size());
    const int room = static_cast<int>(width / style.units(figure.oneLegend ? kSlimColumnPt : kColumnPt));
    const int most = std::min(figure.oneLegend ? kMostSlimColumns : kMostColumns, std::max(2, room));
    m_columns = figure.oneLegend ? evenColumns(panels, most) : std::max(1, std::min(most, panels));
    for (int columns = std::min(most, figure.together); columns > 1; --columns)
        if (figure.together % columns == 0) {
            m_columns = columns;
            break;
        }
    for (const CurvePanel& panel : figure.panels) {
        m_items.push_back(std::make_unique<CurveItem>(plot, layout));
        m_items.back()->setPanel(panel, style);
        m_ownX = m_ownX || panel.xLabel != figure.panels.front().xLabel;
    }
    double titles = 1;
    for (const auto& item : m_items)
        titles = std::min(titles, std::max(kLeastTitle, item->titleScale(panelWidth())));
    for (const auto& item : m_items)
        item->setTitleScale(titles);
    makeLegends(plot, figure);
}

void CurveGrid::makeLegends(QCustomPlot* plot, const CurveFigure& figure)
{
    if (figure.oneLegend) {
        m_key = new LegendBlock(plot); // owned by the plot, as all of them
        m_key->setEntries(figure, m_style);
        m_key->setFlow(LegendBlock::Flow::columns);
        m_keyInCorner = hasFreeCell() && keyHeight(cornerWidth()) <= naturalPanelHeight();
        m_key->fitTo(m_keyInCorner ? cornerWidth() : m_width);
        m_key->setFlow(m_keyInCorner ? LegendBlock::Flow::columns : LegendBlock::Flow::centred);
        return;
    }
    for (const CurvePanel& panel : figure.panels) {
        m_legends.push_back(new LegendBlock(plot));
        m_legends.back()->setEntries(panel, LegendBlock::Which::others, m_style);
        m_legends.back()->fitTo(legendWidth());
    }
    const auto& series = figure.panels.front().series;
    if (std::none_of(series.begin(), series.end(), [](const CurveSeries& one) { return one.reference; }))
        return;
    m_key = new LegendBlock(plot);
    m_key->setEntries(figure.panels.front(), LegendBlock::Which::references, m_style);
    m_keyTitle = new TextBlock(plot);
    m_keyInCorner = hasFreeCell();
}

int CurveGrid::rows() const { return row(m_items.size() - 1) + 1; }

bool CurveGrid::isLast(std::size_t panel) const
{
    return panel + static_cast<std::size_t>(m_columns) >= m_items.size();
}

bool CurveGrid::hasFreeCell() const { return m_items.size() % static_cast<std::size_t>(m_columns) != 0; }

double CurveGrid::cornerWidth() const
{
    if (m_keyTitle)
        return legendWidth();
    const int free = m_columns - column(m_items.size());
    const double step = panelWidth() + m_items.front()->rightMargin() + m_style.units(kColumnGapPt);
    return (free - 1) * step + legendWidth();
}

double CurveGrid::panelWidth() const
{
    const CurveItem& item = *m_items.front();
    const double gaps = (m_columns - 1) * (item.rightMargin() + m_style.units(kColumnGapPt));
    return std::max(10.0, (m_width - item.leftMargin() - item.rightMargin() - gaps) / m_columns);
}

double CurveGrid::naturalPanelHeight() const
{
    const double tallest = m_style.units(kTallestPt * m_style.fontPt / kUsualFontPt);
    return std::min(tallest, panelWidth() * (!m_key || m_keyTitle || rows() < kManyRows ? kShape : kFlatShape));
}

double CurveGrid::legendWidth() const { return panelWidth() + m_items.front()->rightMargin(); }

double CurveGrid::legendHeight(std::size_t panel) const
{
    if (m_legends.empty())
        return 0;
    return m_legends[panel]->heightForWidth(legendWidth()) + m_style.units(kLegendGapPt);
}

double CurveGrid::rowExtra(int row) const
{
    double below = 0;
    for (std::size_t i = 0; i < m_items.size(); ++i)
        if (this->row(i) == row)
            below = std::max(below, m_items[i]->bottomMargin(isLabelled(i)) + legendHeight(i));
    const double gap = row + 1 < rows() ? m_style.units(kRowGapPt) : 0.0;
    return m_items.front()->topMargin() + below + gap;
}

double CurveGrid::keyHeight(double width) const
{
    if (!m_key)
        return 0;
    return (m_keyTitle ? m_style.lineHeight(kKeyScale) * 1.1 : 0.0) + m_key->heightForWidth(width);
}

double CurveGrid::footHeight() const
{
    return !m_key || m_keyInCorner ? 0.0 : keyHeight(m_width) + m_style.units(kRowGapPt);
}

double CurveGrid::naturalHeight() const
{
    double height = footHeight();
    for (int i = 0; i < rows(); ++i)
        height += rowExtra(i) + naturalPanelHeight();
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
        m_items[i]->placeAxes(inner, canvas, column(i) == 0, isLabelled(i));
        const double below = inner.bottom() + first.bottomMargin(isLabelled(i)) + m_style.units(kLegendGapPt);
        if (!m_legends.empty())
            m_legends[i]->place(QRectF(inner.left(), below, legendWidth(), legendHeight(i)));
        if (column(i) == m_columns - 1)
            top += height + rowExtra(row(i));
    }
    if (!m_key)
        return;
    const double foot = m_keyTitle ? left(0) : rect.left();
    if (m_keyInCorner)
        placeKey(QRectF(left(column(m_items.size())), top + first.topMargin(), cornerWidth(), height));
    else
        placeKey(QRectF(foot, rect.bottom() - keyHeight(m_width), rect.right() - foot, 0));
}

void CurveGrid::placeKey(const QRectF& rect)
{
    if (!m_keyTitle) {
        m_key->place(rect);
        return;
    }
    const double line = m_style.lineHeight(kKeyScale) * 1.1;
    m_keyTitle->setPieces({{QRectF(rect.left(), rect.top(), rect.width(), line), Qt::AlignLeft | Qt::AlignVCenter,
                            QStringLiteral("In every panel:"), m_style.font(kKeyScale), m_style.text}});
    m_key->place(rect.adjusted(0, line, 0, 0));
}

} // namespace kvviz::plot
