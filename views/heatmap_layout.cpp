// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Where the parts of a map stand: margins, heights, labels that fit, title.
#include "views/heatmap_panel.hpp"

#include <algorithm>

namespace kvviz::plot {

namespace {

constexpr double kStripGapPt = 2.5; // between prompt map and decode strip
constexpr double kKeptGapPt = 3.0;  // between map and what is said of the strip of kept keys
constexpr double kKeptShare = 0.16; // most height of that strip, of the map's
constexpr double kAxisPt = 2.2 + 1.4 + 1.6 + 1.0;

} // namespace

double HeatmapPanel::longestToken(core::Span tokens) const
{
    if (m_steady)
        return m_style.textWidth(QStringLiteral("temperatures"), m_style.tokenScale);
    double widest = 0;
    for (auto i = std::max<qsizetype>(0, tokens.begin); i < std::min<qsizetype>(m_texts.size(), tokens.end); ++i)
        widest = std::max(widest, m_style.textWidth(m_texts.at(i), m_style.tokenScale));
    return widest;
}

HeatmapPanel::Margins HeatmapPanel::margins() const
{
    const bool text = !m_panel.tokenTexts.empty();
    const QString digits = QString::number(std::max(m_panel.keys.end, m_panel.decodeQueries.end));
    Margins margins;
    const double rowTexts = text ? std::max(longestToken(m_panel.queries), longestToken(m_panel.decodeQueries)) : 0.0;
    margins.left = m_style.units(kAxisPt)
                   + std::max(rowTexts, m_style.textWidth(digits, text ? m_style.tokenScale : 0.9))
                   + (m_queryLabel ? m_style.lineHeight() : 0);
    margins.right = m_style.units(4);
    margins.bottom = m_style.units(kAxisPt + 0.5) + (text ? longestToken(m_panel.keys) : m_style.lineHeight(0.9))
                     + m_style.lineHeight();
    margins.top = MapOverlay::bandHeight(m_style);
    if (!m_panel.title.empty() || !m_panel.letter.empty())
        margins.top += m_style.lineHeight() + m_style.units(1.5);
    return margins;
}

double HeatmapPanel::decodeHeight(double mapHeight) const
{
    if (m_panel.decodeQueries.empty())
        return 0;
    // A share of the whole prompt, not of what is visible: zooming does not change the parts' heights.
    const double share = static_cast<double>(m_panel.decodeQueries.size())
                         / static_cast<double>(std::max<std::int64_t>(1, m_panel.decodeQueries.begin));
    const double least = m_style.textWidth(QStringLiteral("decode")) + m_style.units(2);
    return std::clamp(mapHeight * share, std::min(least, mapHeight / 2), std::max(least, mapHeight * 0.3));
}

double HeatmapPanel::keptHeight(double mapHeight, double mapWidth) const
{
    if (m_panel.kept.rows.empty())
        return 0;
    return m_style.units(kKeptGapPt) + m_kept->captionHeight(mapWidth) + m_kept->stripHeight(mapHeight * kKeptShare);
}

double HeatmapPanel::sideWidth() const
{
    const Margins m = margins();
    return m.left + m.right;
}

double HeatmapPanel::heightForWidth(double width) const
{
    const Margins m = margins();
    const double side = width - m.left - m.right;
    const double shape = static_cast<double>(m_panel.queries.size())
                         / static_cast<double>(std::max<std::int64_t>(1, m_panel.keys.size()));
    const double map = side * std::clamp(shape, 0.3, 1.0);
    const double decode = decodeHeight(map);
    return m.top + map + (decode > 0 ? decode + m_style.units(kStripGapPt) : 0) + keptHeight(map, side) + m.bottom;
}

void HeatmapPanel::place(const QRectF& rect, QSizeF canvas)
{
    const Margins m = margins();
    const double width = std::max(10.0, rect.width() - m.left - m.right);
    const double all = std::max(10.0, rect.height() - m.top - m.bottom);
    const double room = std::max(10.0, all - keptHeight(all, width));
    double decode = decodeHeight(room);
    const double gap = decode > 0 ? m_style.units(kStripGapPt) : 0;
    if (decode > 0) { // the strip is a share of the map above it, not of the whole room
        decode = decodeHeight(room - gap - decode);
    }
    m_mapRect = QRectF(rect.left() + m.left, rect.top() + m.top, width, std::max(5.0, room - gap - decode));
    placeElement(m_layout, m_promptRect, m_mapRect, canvas);
    const QRectF strip(m_mapRect.left(), m_mapRect.bottom() + gap, width, std::max(1.0, decode));
    placeElement(m_layout, m_decodeRect, strip, canvas);
    m_blockRect = decode > 0 ? m_mapRect.united(strip) : m_mapRect;
    const double keptBottom = rect.bottom() - m.bottom;
    const double kept = m_panel.kept.rows.empty() ? 1.0 : m_kept->stripHeight(all * kKeptShare);
    placeElement(m_layout, m_keptRect, QRectF(m_mapRect.left(), keptBottom - kept, width, kept), canvas);
    fitLabels(strip);
    placeTitle(rect, m_mapRect.left());
}

void HeatmapPanel::fitLabels(const QRectF& strip)
{
    m_keyTicker->setTickCount(std::max(2, static_cast<int>(m_mapRect.width() / m_style.units(34 * m_style.spread))));
    m_queryTicker->setTickCount(std::max(3, static_cast<int>(m_mapRect.height() / m_style.units(26 * m_style.spread))));
    const bool text = !m_panel.tokenTexts.empty();
    const double line = m_style.lineHeight(text ? m_style.tokenScale : 0.9);
    const auto steps = static_cast<double>(std::max<std::int64_t>(1, m_panel.decodeQueries.size()));
    const bool stepTexts = text && steps * line <= strip.height() * 1.05;
    m_decodeTicker->setTexts(0, stepTexts ? m_texts : QStringList());
    m_decodeTicker->setClearance(stepTexts ? 0.0 : line / 2 / strip.height() * steps);
    QCPAxis* queries = m_promptRect->axis(QCPAxis::atLeft);
    const QString what = text ? QStringLiteral("query token") : QStringLiteral("query position");
    const bool fits = m_style.textWidth(what) < m_mapRect.height() - m_style.units(4);
    if (QCPAxis* keys = lowestRect()->axis(QCPAxis::atBottom); !text) {
        const QString whole = QStringLiteral("key position (tokens)");
        keys->setLabel(m_style.textWidth(whole) < m_mapRect.width() + margins().left ? whole : QStringLiteral("key"));
    }
    queries->setLabel(!m_queryLabel ? QString() : fits ? what : QStringLiteral("query"));
}

void HeatmapPanel::placeTitle(const QRectF& rect, double mapLeft)
{
    std::vector<TextPiece> pieces;
    const QString letter =
        m_panel.letter.empty() ? QString() : QStringLiteral("(%1)").arg(QString::fromStdString(m_panel.letter));
    const double height = m_style.lineHeight();
    double x = mapLeft;
    if (!letter.isEmpty()) {
        pieces.push_back({QRectF(x, rect.top(), rect.width(), height), Qt::AlignLeft | Qt::AlignVCenter, letter,
                          m_style.font(1.0, true), m_style.text});
        x += m_style.textWidth(letter + QLatin1Char(' '), 1.0, true);
    }
    const QString title =
        QFontMetricsF(m_style.font())
            .elidedText(QString::fromStdString(m_panel.title), Qt::ElideRight, std::max(1.0, rect.right() - x));
    if (!title.isEmpty())
        pieces.push_back({QRectF(x, rect.top(), rect.right() - x, height), Qt::AlignLeft | Qt::AlignVCenter, title,
                          m_style.font(), m_style.text});
    m_title->setPieces(std::move(pieces));
}

} // namespace kvviz::plot
