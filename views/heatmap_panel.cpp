// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/heatmap_panel.hpp"

#include <algorithm>

namespace kvviz::plot {

namespace {

constexpr qsizetype kLongestToken = 12;
constexpr double kVeilHatchPt = 4.5;

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
      m_keptRect(new QCPAxisRect(plot)), m_prompt(new MapItem(m_promptRect)), m_decode(new MapItem(m_decodeRect)),
      m_kept(new KeptItem(m_keptRect)), m_promptValues(new CellValues(m_promptRect, m_prompt)),
      m_decodeValues(new CellValues(m_decodeRect, m_decode)), m_promptOverlay(new MapOverlay(m_promptRect, true)),
      m_decodeOverlay(new MapOverlay(m_decodeRect, false)),
      m_marks(new MarksItem(m_promptRect, m_decodeRect, m_keptRect)), m_title(new TextBlock(plot)),
      m_keyTicker(new TokenTicker), m_queryTicker(new TokenTicker), m_decodeTicker(new TokenTicker)
{
    for (QCPAxisRect* rect : {m_promptRect, m_decodeRect, m_keptRect})
        layout->addElement(rect, QRectF(0, 0, 1, 1));
}

void HeatmapPanel::setVectorResolution(double pixelsPerUnit)
{
    m_prompt->setVectorResolution(pixelsPerUnit);
    m_decode->setVectorResolution(pixelsPerUnit);
    m_kept->setVectorResolution(pixelsPerUnit);
}

QCPAxisRect* HeatmapPanel::lowestRect() const
{
    if (!m_panel.kept.rows.empty())
        return m_keptRect;
    return m_panel.decodeQueries.empty() ? m_promptRect : m_decodeRect;
}

void HeatmapPanel::setUpAxes(QCPAxisRect* rect, core::Span queries)
{
    styleMapRect(rect, m_style);
    const bool lowest = rect == lowestRect();
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
    rows->setRange(static_cast<double>(queries.begin), static_cast<double>(std::max(queries.begin + 1, queries.end)));
    if (text)
        for (QCPAxis* axis : rect->axes())
            axis->setTickLabelFont(m_style.font(m_style.tokenScale));
}

void HeatmapPanel::setPanel(const MapPanel& panel, const ColorScale& scale, const PlotStyle& style)
{
    setPanel(panel,
             {std::make_shared<const io::MapTile>(panel.prompt), std::make_shared<const io::MapTile>(panel.decode), {}, {}},
             scale, style);
}

void HeatmapPanel::setPanel(const MapPanel& panel, const SharedCells& cells, const ColorScale& scale,
                            const PlotStyle& style)
{
    m_panel = panel;
    m_panel.prompt = m_panel.decode = {};
    m_style = style;
    m_texts = shortTexts(panel.tokenTexts);
    const CellFold fold = panel.difference ? CellFold::magnitude : foldOf(panel.pooling);
    m_prompt->setTile(cells.prompt, fold, cells.wholePrompt);
    m_decode->setTile(cells.decode, fold, cells.wholeDecode);
    for (MapItem* item : {m_prompt, m_decode})
        item->setColors(scale, style.masked);
    for (CellValues* values : {m_promptValues, m_decodeValues})
        values->setStyle(style);
    for (const auto& ticker : {m_keyTicker, m_queryTicker})
        ticker->setTexts(0, m_texts);
    for (MapOverlay* overlay : {m_promptOverlay, m_decodeOverlay}) {
        overlay->setStyle(style);
        overlay->setSegments(panel.segments, panel.sinkTokens, panel.hatchSinks);
    }
    setKept(KeptMarks(panel.kept));
    setMarks(MapMarks(panel.marks));
}

void HeatmapPanel::setKept(const KeptMarks& kept)
{
    m_panel.kept = kept;
    m_kept->setMarks(kept, m_style);
    const auto show = [](QCPAxisRect* rect, bool visible) {
        rect->setVisible(visible);
        for (QCPAxis* axis : rect->axes())
            axis->setVisible(visible);
    };
    setUpAxes(m_promptRect, m_panel.queries);
    m_promptRect->axis(QCPAxis::atLeft)->setTicker(m_queryTicker);
    setUpAxes(m_decodeRect, m_panel.decodeQueries);
    QCPAxis* steps = m_decodeRect->axis(QCPAxis::atLeft);
    steps->setTicker(m_decodeTicker);
    steps->setLabel(m_queryLabel ? QStringLiteral("decode") : QString());
    m_decodeTicker->setTickCount(2);
    setUpAxes(m_keptRect, {0, 1});
    QCPAxis* rows = m_keptRect->axis(QCPAxis::atLeft);
    rows->setTicks(false);
    rows->setTickLabels(false);
    show(m_decodeRect, !m_panel.decodeQueries.empty());
    show(m_keptRect, !kept.rows.empty());
    showVeil();
}

void HeatmapPanel::showVeil()
{
    const KeptMarks& kept = m_panel.kept;
    MapVeil veil;
    veil.hatchPeriod = m_style.units(kVeilHatchPt);
    veil.keys = kept.together;
    m_prompt->setVeil(veil);
    if (!kept.decode.empty()) {
        veil.keys = kept.decode;
        veil.firstQuery = m_panel.decodeQueries.begin;
        veil.steps = kept.steps;
    }
    m_decode->setVeil(std::move(veil));
}

void HeatmapPanel::setMarks(const MapMarks& marks)
{
    m_panel.marks = marks;
    m_marks->setMarks(marks, m_style);
}

void HeatmapPanel::setVisible(core::Span queries, core::Span keys)
{
    m_panel.queries = queries;
    m_panel.keys = keys;
    for (QCPAxisRect* rect : {m_promptRect, m_decodeRect, m_keptRect})
        rect->axis(QCPAxis::atBottom)->setRange(static_cast<double>(keys.begin), static_cast<double>(keys.end));
    m_promptRect->axis(QCPAxis::atLeft)
        ->setRange(static_cast<double>(queries.begin), static_cast<double>(queries.end));
}

} // namespace kvviz::plot
