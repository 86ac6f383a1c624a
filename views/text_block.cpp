// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/text_block.hpp"

#include <QFontMetricsF>

#include <algorithm>
#include <cmath>
#include <set>

namespace kvviz::plot {

namespace {

constexpr double kSamplePt = 16;  // length of a line sample in the legend
constexpr double kGapPt = 3;      // between sample and name
constexpr double kEntryGapPt = 8; // between entries
constexpr double kLeastPt = 4.8;  // smaller text is not made to fit
constexpr double kLeastShare = 0.5; // nor much smaller than its neighbours

} // namespace

void TextBlock::draw(QCPPainter* painter)
{
    for (const TextPiece& piece : m_pieces) {
        painter->setFont(piece.font);
        painter->setPen(piece.color);
        painter->drawText(piece.rect, piece.flags | Qt::TextDontClip, piece.text);
    }
}

double fittingScale(const QString& text, double width, double scale, const PlotStyle& style)
{
    const double needed = style.textWidth(text, scale);
    const double least = std::min(scale, std::max(kLeastShare, kLeastPt / style.fontPt));
    if (needed <= width)
        return scale;
    double fitting = std::max(least, 0.99 * scale * width / needed);
    while (fitting > least && style.textWidth(text, fitting) > width) // letters come in whole pixels
        fitting = std::max(least, 0.97 * fitting);
    return fitting;
}

QString elided(const QString& text, double width, double scale, const PlotStyle& style)
{
    return QFontMetricsF(style.font(scale)).elidedText(text, Qt::ElideRight, width);
}

double wrappedHeight(const QString& text, const QFont& font, double width)
{
    if (text.isEmpty())
        return 0;
    return QFontMetricsF(font).boundingRect(QRectF(0, 0, width, 1e6), Qt::TextWordWrap, text).height();
}

QColor colorOf(const CurveSeries& series, const PlotStyle& style)
{
    return series.shade >= 0 ? shadeColor(series.shade, style) : seriesColor(series.color, style);
}

QPen seriesPen(const CurveSeries& series, const PlotStyle& style)
{
    if (series.reference)
        return style.pen(style.subtle, 0.7 * style.spread, series.dashed ? Qt::DotLine : Qt::SolidLine);
    const int palette = seriesColorCount(style);
    const Qt::PenStyle whole = series.shade >= 0 || series.color < palette ? Qt::SolidLine
                               : series.color < 2 * palette                ? Qt::DashDotLine // colours come round again
                                                                           : Qt::DashDotDotLine;
    return style.pen(colorOf(series, style), (series.dashed ? 0.8 : 1.0) * style.spread,
                     series.dashed ? Qt::DashLine : whole);
}

QCPScatterStyle markerOf(const CurveSeries& series, const PlotStyle& style)
{
    if (!series.markers)
        return {};
    QCPScatterStyle marker = seriesMarker(series.color, colorOf(series, style), series.hollow, style);
    if (series.reference) {
        marker.setPen(style.pen(style.subtle, 0.7));
        marker.setBrush(QBrush(style.subtle));
    }
    return marker;
}

void LegendBlock::addEntry(const CurveSeries& series)
{
    m_entries.push_back({QString::fromStdString(series.name),
                         series.line ? seriesPen(series, m_style) : QPen(Qt::NoPen), markerOf(series, m_style)});
}

void LegendBlock::setEntries(const CurvePanel& panel, Which which, const PlotStyle& style)
{
    m_style = style;
    m_flow = Flow::left;
    m_scale = kScale;
    m_entries.clear();
    m_notes.clear();
    for (const CurveSeries& series : panel.series)
        if (which == Which::all || series.reference == (which == Which::references))
            addEntry(series);
}

void LegendBlock::setEntries(const CurveFigure& figure, const PlotStyle& style)
{
    m_style = style;
    m_flow = Flow::centred;
    m_scale = kScale;
    m_entries.clear();
    m_notes.clear();
    std::set<std::string> seen;
    for (const CurvePanel& panel : figure.panels)
        for (const CurveSeries& series : panel.series)
            if (series.named && !series.name.empty() && seen.insert(series.name).second)
                addEntry(series);
    for (const LegendNote& note : figure.legendNotes)
        m_notes.push_back({QString::fromStdString(note.text),
                           style.pen(style.subtle, 0.9 * style.spread, note.dashed ? Qt::DashLine : Qt::SolidLine),
                           note.hollow ? seriesMarker(0, style.subtle, true, style) : QCPScatterStyle()});
}

double LegendBlock::textWidth(const Entry& entry) const
{
    if (entry.widthScale != m_scale) {
        entry.width = m_style.textWidth(entry.text, m_scale);
        entry.widthScale = m_scale;
    }
    return entry.width;
}

double LegendBlock::entryWidth(const Entry& entry) const
{
    double text = textWidth(entry);
    if (m_flow == Flow::columns) // of series; notes have rows of their own
        for (const Entry& other : m_entries)
            text = std::max(text, textWidth(other));
    return text + m_style.units(kSamplePt + kGapPt + kEntryGapPt);
}

std::vector<LegendBlock::Row> LegendBlock::rows(double width) const
{
    std::vector<Row> best = filledRows(width);
    if (m_flow != Flow::centred)
        return best;
    for (double narrower = 0.97 * width; narrower > width / 3; narrower -= 0.03 * width) {
        std::vector<Row> even = filledRows(narrower);
        if (even.size() > best.size())
            break;
        best = std::move(even);
    }
    return best;
}

std::vector<LegendBlock::Row> LegendBlock::filledRows(double width) const
{
    std::vector<Row> rows;
    for (const auto* entries : {&m_entries, &m_notes}) {
        bool first = true;
        for (const Entry& entry : *entries) {
            const double gap = m_style.units(kEntryGapPt); // none is needed behind the last one
            if (first || rows.back().width + entryWidth(entry) - gap > width)
                rows.push_back({});
            first = false;
            rows.back().entries.push_back(&entry);
            rows.back().width += entryWidth(entry);
        }
    }
    return rows;
}

void LegendBlock::fitTo(double width)
{
    const double room = width - m_style.units(kSamplePt + kGapPt);
    m_scale = kScale;
    for (const auto* entries : {&m_entries, &m_notes})
        for (const Entry& entry : *entries)
            m_scale = std::min(m_scale, fittingScale(entry.text, room, kScale, m_style));
    for (auto* entries : {&m_entries, &m_notes})
        for (Entry& entry : *entries)
            entry.text = elided(entry.text, room, m_scale, m_style);
}

double LegendBlock::heightForWidth(double width) const
{
    return static_cast<double>(rows(width).size()) * m_style.lineHeight(m_scale) * 1.1;
}

void LegendBlock::draw(QCPPainter* painter)
{
    const double height = m_style.lineHeight(m_scale) * 1.1;
    double y = m_rect.top();
    painter->setFont(m_style.font(m_scale));
    for (const Row& row : rows(m_rect.width())) {
        const double free = std::max(0.0, m_rect.width() - row.width + m_style.units(kEntryGapPt));
        double x = m_rect.left() + (m_flow == Flow::centred ? free / 2 : 0.0);
        for (const Entry* entry : row.entries) {
            drawEntry(painter, *entry, QPointF(x, y + height / 2));
            x += entryWidth(*entry);
        }
        y += height;
    }
}

void LegendBlock::drawEntry(QCPPainter* painter, const Entry& entry, QPointF left) const
{
    const double sample = m_style.units(kSamplePt), height = m_style.lineHeight(m_scale);
    if (entry.pen.style() != Qt::NoPen) {
        painter->setPen(entry.pen);
        painter->drawLine(left, left + QPointF(sample, 0));
    }
    if (!entry.marker.isNone()) {
        entry.marker.applyTo(painter, entry.pen);
        entry.marker.drawShape(painter, left + QPointF(sample / 2, 0));
    }
    painter->setPen(m_style.text);
    painter->drawText(QRectF(left.x() + sample + m_style.units(kGapPt), left.y() - height / 2, m_rect.width(), height),
                      Qt::AlignLeft | Qt::AlignVCenter | Qt::TextDontClip, entry.text);
}

} // namespace kvviz::plot
