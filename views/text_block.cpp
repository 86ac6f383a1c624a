// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/text_block.hpp"

#include <QFontMetricsF>

#include <algorithm>
#include <cmath>
#include <set>

namespace kvviz::plot {

namespace {

constexpr double kSamplePt = 16; // length of a line sample in the legend
constexpr double kGapPt = 3;

} // namespace

void TextBlock::draw(QCPPainter* painter)
{
    for (const TextPiece& piece : m_pieces) {
        painter->setFont(piece.font);
        painter->setPen(piece.color);
        painter->drawText(piece.rect, piece.flags | Qt::TextDontClip, piece.text);
    }
}

double wrappedHeight(const QString& text, const QFont& font, double width)
{
    if (text.isEmpty())
        return 0;
    return QFontMetricsF(font).boundingRect(QRectF(0, 0, width, 1e6), Qt::TextWordWrap, text).height();
}

QPen seriesPen(const CurveSeries& series, const PlotStyle& style)
{
    if (series.reference)
        return style.pen(style.subtle, 0.7, Qt::DotLine);
    return style.pen(seriesColor(series.color, style), series.dashed ? 0.8 : 1.0,
                     series.dashed ? Qt::DashLine : Qt::SolidLine);
}

void LegendBlock::setEntries(const CurveFigure& figure, const PlotStyle& style)
{
    m_style = style;
    m_entries.clear();
    std::set<std::string> seen;
    for (const CurvePanel& panel : figure.panels)
        for (const CurveSeries& series : panel.series)
            if (!series.name.empty() && seen.insert(series.name).second)
                m_entries.push_back({QString::fromStdString(series.name), seriesPen(series, style),
                                     series.markers ? seriesMarker(series.color, style) : QCPScatterStyle()});
    for (const LegendNote& note : figure.legendNotes)
        m_entries.push_back({QString::fromStdString(note.text),
                             style.pen(style.subtle, 0.9, note.dashed ? Qt::DashLine : Qt::SolidLine),
                             QCPScatterStyle()});
}

double LegendBlock::columnWidth() const
{
    double widest = 0;
    for (const Entry& entry : m_entries)
        widest = std::max(widest, m_style.textWidth(entry.text, 0.9));
    return widest + m_style.units(kSamplePt + 3 * kGapPt);
}

int LegendBlock::columns(double width) const
{
    const int fitting = std::max(1, static_cast<int>(width / std::max(1.0, columnWidth())));
    const int entries = static_cast<int>(m_entries.size());
    if (entries <= fitting)
        return std::max(1, entries);
    const int rows = (entries + fitting - 1) / fitting; // as even as possible
    return (entries + rows - 1) / rows;
}

double LegendBlock::heightForWidth(double width) const
{
    if (m_entries.empty())
        return 0;
    const int perRow = columns(width);
    const int rows = (static_cast<int>(m_entries.size()) + perRow - 1) / perRow;
    return rows * m_style.lineHeight(0.9) * 1.1;
}

void LegendBlock::draw(QCPPainter* painter)
{
    if (m_entries.empty())
        return;
    const int perRow = columns(m_rect.width());
    const double column = std::min(columnWidth(), m_rect.width() / perRow);
    const double left = m_rect.left() + std::max(0.0, (m_rect.width() - perRow * column) / 2);
    const double row = m_style.lineHeight(0.9) * 1.1;
    const double sample = m_style.units(kSamplePt);
    painter->setFont(m_style.font(0.9));
    for (std::size_t i = 0; i < m_entries.size(); ++i) {
        const Entry& entry = m_entries[i];
        const double x = left + static_cast<double>(i % static_cast<std::size_t>(perRow)) * column;
        const double y = m_rect.top() + std::floor(static_cast<double>(i) / perRow) * row;
        painter->setPen(entry.pen);
        painter->drawLine(QPointF(x, y + row / 2), QPointF(x + sample, y + row / 2));
        if (!entry.marker.isNone()) {
            entry.marker.applyTo(painter, entry.pen);
            entry.marker.drawShape(painter, x + sample / 2, y + row / 2);
        }
        painter->setPen(m_style.text);
        painter->drawText(QRectF(x + sample + m_style.units(kGapPt), y, column, row),
                          Qt::AlignLeft | Qt::AlignVCenter | Qt::TextDontClip, entry.text);
    }
}

} // namespace kvviz::plot
