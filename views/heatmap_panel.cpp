// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/heatmap_panel.hpp"

#include <algorithm>

namespace kvviz::plot {

namespace {

constexpr double kStripGapPt = 2.5; // between prompt map and decode strip
constexpr double kAxisPt = 2.2 + 1.4 + 1.6 + 1.0;
constexpr qsizetype kLongestToken = 12;

QStringList shortTexts(const std::vector<std::string>& texts)
{
    QStringList result;
    for (const std::string& text : texts) {
        QString shown = QString::fromStdString(text);
        if (shown.size() > kLongestToken)
            shown = shown.left(kLongestToken - 1) + QChar(0x2026);
        if (shown.startsWith(QLatin1Char(' ')))
            shown.replace(0, 1, QChar(0x00b7)); // the space is part of the token
        result.append(shown);
    }
    return result;
}

} // namespace

void placeElement(QCPLayoutInset* layout, QCPLayoutElement* element, const QRectF& rect, QSizeF canvas)
{
    for (int i = 0; i < layout->elementCount(); ++i) {
        if (layout->elementAt(i) != element)
            continue;
        layout->setInsetPlacement(i, QCPLayoutInset::ipFree);
        const QRectF whole(rect.topLeft().toPoint(), rect.bottomRight().toPoint());
        const double eps = 0.02; // the layout truncates to whole units
        layout->setInsetRect(i,
                             QRectF((whole.x() + eps) / canvas.width(), (whole.y() + eps) / canvas.height(),
                                    (whole.width() + eps) / canvas.width(), (whole.height() + eps) / canvas.height()));
    }
}

HeatmapPanel::HeatmapPanel(QCustomPlot* plot, QCPLayoutInset* layout)
    : m_layout(layout), m_promptRect(new QCPAxisRect(plot)), m_decodeRect(new QCPAxisRect(plot)),
      m_prompt(new MapItem(m_promptRect)), m_decode(new MapItem(m_decodeRect)),
      m_promptOverlay(new MapOverlay(m_promptRect, true)), m_decodeOverlay(new MapOverlay(m_decodeRect, false)),
      m_title(new TextBlock(plot)), m_keyTicker(new TokenTicker), m_queryTicker(new TokenTicker),
      m_decodeTicker(new TokenTicker)
{
    layout->addElement(m_promptRect, QRectF(0, 0, 1, 1));
    layout->addElement(m_decodeRect, QRectF(0, 0, 1, 1));
}

void HeatmapPanel::setVectorResolution(double pixelsPerUnit)
{
    m_prompt->setVectorResolution(pixelsPerUnit);
    m_decode->setVectorResolution(pixelsPerUnit);
}

void HeatmapPanel::setUpAxes(QCPAxisRect* rect, MapItem* item, core::Span queries, bool lowest)
{
    styleMapRect(rect, m_style);
    QCPAxis* keys = rect->axis(QCPAxis::atBottom);
    QCPAxis* rows = rect->axis(QCPAxis::atLeft);
    keys->setTicker(m_keyTicker);
    keys->setRange(static_cast<double>(m_panel.keys.begin), static_cast<double>(m_panel.keys.end));
    keys->setTicks(lowest);
    keys->setTickLabels(lowest);
    const bool text = !m_panel.tokenTexts.empty();
    keys->setTickLabelRotation(text ? -90 : 0);
    keys->setLabel(!lowest ? QString() : text ? QStringLiteral("key token") : QStringLiteral("key position (tokens)"));
    rows->setRangeReversed(true);
    rows->setRange(static_cast<double>(queries.begin), static_cast<double>(queries.end));
    if (text)
        for (QCPAxis* axis : rect->axes())
            axis->setTickLabelFont(m_style.font(m_style.tokenScale));
    item->setColors({}, m_style.masked);
}

void HeatmapPanel::setPanel(const MapPanel& panel, const ColorScale& scale, const PlotStyle& style)
{
    m_panel = panel;
    m_style = style;
    const bool hasDecode = panel.decode.rows > 0;
    m_decodeRect->setVisible(hasDecode);
    for (QCPAxis* axis : m_decodeRect->axes())
        axis->setVisible(hasDecode);
    setUpAxes(m_promptRect, m_prompt, panel.queries, !hasDecode);
    if (hasDecode)
        setUpAxes(m_decodeRect, m_decode, panel.decodeQueries, true);
    m_prompt->setColors(scale, style.masked);
    m_decode->setColors(scale, style.masked);
    m_prompt->setTile(panel.prompt, panel.pooling);
    m_decode->setTile(panel.decode, panel.pooling);
    const QStringList texts = shortTexts(panel.tokenTexts);
    for (const auto& ticker : {m_keyTicker, m_queryTicker})
        ticker->setTexts(0, texts);
    QCPAxis* rows = m_promptRect->axis(QCPAxis::atLeft);
    rows->setTicker(m_queryTicker);
    QCPAxis* steps = m_decodeRect->axis(QCPAxis::atLeft);
    steps->setTicker(m_decodeTicker);
    steps->setLabel(m_queryLabel ? QStringLiteral("decode") : QString());
    m_decodeTicker->setTickCount(2);
    for (MapOverlay* overlay : {m_promptOverlay, m_decodeOverlay}) {
        overlay->setStyle(style);
        overlay->setSegments(panel.segments, panel.sinkTokens);
    }
}

double HeatmapPanel::longestToken(core::Span tokens) const
{
    const QStringList texts = shortTexts(m_panel.tokenTexts);
    double widest = 0;
    for (auto i = std::max<qsizetype>(0, tokens.begin); i < std::min<qsizetype>(texts.size(), tokens.end); ++i)
        widest = std::max(widest, m_style.textWidth(texts.at(i), m_style.tokenScale));
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
    if (m_panel.decode.rows <= 0)
        return 0;
    const double share = static_cast<double>(m_panel.decodeQueries.size())
                         / static_cast<double>(std::max<std::int64_t>(1, m_panel.queries.size()));
    const double least = m_style.textWidth(QStringLiteral("decode")) + m_style.units(2);
    return std::clamp(mapHeight * share, std::min(least, mapHeight / 2), std::max(least, mapHeight * 0.3));
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
    return m.top + map + (decode > 0 ? decode + m_style.units(kStripGapPt) : 0) + m.bottom;
}

void HeatmapPanel::place(const QRectF& rect, QSizeF canvas)
{
    const Margins m = margins();
    const double room = std::max(10.0, rect.height() - m.top - m.bottom);
    double decode = decodeHeight(room);
    const double gap = decode > 0 ? m_style.units(kStripGapPt) : 0;
    if (decode > 0) { // the strip is a share of the map above it, not of the whole room
        decode = decodeHeight(room - gap - decode);
    }
    const double width = std::max(10.0, rect.width() - m.left - m.right);
    m_mapRect = QRectF(rect.left() + m.left, rect.top() + m.top, width, std::max(5.0, room - gap - decode));
    placeElement(m_layout, m_promptRect, m_mapRect, canvas);
    const QRectF strip(m_mapRect.left(), m_mapRect.bottom() + gap, width, std::max(1.0, decode));
    placeElement(m_layout, m_decodeRect, strip, canvas);
    m_blockRect = decode > 0 ? m_mapRect.united(strip) : m_mapRect;
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
    m_decodeTicker->setTexts(0, stepTexts ? shortTexts(m_panel.tokenTexts) : QStringList());
    m_decodeTicker->setClearance(stepTexts ? 0.0 : line / 2 / strip.height() * steps);
    QCPAxis* queries = m_promptRect->axis(QCPAxis::atLeft);
    const QString what = text ? QStringLiteral("query token") : QStringLiteral("query position");
    const bool fits = m_style.textWidth(what) < m_mapRect.height() - m_style.units(4);
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
