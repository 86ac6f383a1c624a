// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/map_overlay.hpp"

#include "views/label_placement.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace kvviz::plot {

namespace {

constexpr double kBandPt = 2.4;   // coloured band
constexpr double kSinkPt = 3.6;   // lane of the sink mark between band and map
constexpr double kLeaderPt = 2.0; // between labels and band
constexpr double kLabelScale = 0.85;

int labelRank(const SegmentMark& mark, int shots)
{
    if (mark.kind != core::SegmentKind::shot)
        return 0;
    return shotLabelRank(std::atoi(mark.label.c_str() + 1), shots);
}

} // namespace

MapOverlay::MapOverlay(QCPAxisRect* rect, bool withBand)
    : QCPLayerable(rect->parentPlot(), QStringLiteral("overlay")), m_rect(rect), m_withBand(withBand)
{}

void MapOverlay::setSegments(std::vector<SegmentMark> segments, std::int64_t sinkTokens, bool hatchSinks)
{
    m_segments = std::move(segments);
    m_sinkTokens = sinkTokens;
    m_hatchSinks = hatchSinks;
}

double MapOverlay::bandHeight(const PlotStyle& style)
{
    return style.lineHeight(kLabelScale) + style.units(kLeaderPt + kBandPt + kSinkPt);
}

QRect MapOverlay::clipRect() const { return mParentPlot->viewport(); }

void MapOverlay::applyDefaultAntialiasingHint(QCPPainter* painter) const { painter->setAntialiasing(true); }

double MapOverlay::keyPixel(double key) const
{
    const QCPRange range = m_rect->axis(QCPAxis::atBottom)->range();
    return m_rect->axis(QCPAxis::atBottom)->coordToPixel(std::clamp(key, range.lower, range.upper));
}

double MapOverlay::queryPixel(double query) const
{
    const QCPRange range = m_rect->axis(QCPAxis::atLeft)->range();
    return m_rect->axis(QCPAxis::atLeft)->coordToPixel(std::clamp(query, range.lower, range.upper));
}

void MapOverlay::draw(QCPPainter* painter)
{
    if (!m_rect || !m_rect->visible())
        return;
    drawBorders(painter);
    if (m_withBand)
        drawBand(painter);
    drawSinks(painter);
    drawFrame(painter, m_rect->rect(), m_style);
}

void MapOverlay::drawBorders(QCPPainter* painter) const
{
    const QRectF rect = m_rect->rect();
    const QCPRange keys = m_rect->axis(QCPAxis::atBottom)->range();
    const QCPRange queries = m_rect->axis(QCPAxis::atLeft)->range();
    const auto borders =
        static_cast<double>(std::count_if(m_segments.begin(), m_segments.end(), [&](const SegmentMark& mark) {
            return static_cast<double>(mark.span.begin) > keys.lower
                   && static_cast<double>(mark.span.begin) < keys.upper;
        }));
    // Many borders would hide the map: they fade as they come closer.
    const double strength = std::clamp(rect.width() / (borders + 1) / m_style.units(14), 0.3, 1.0);
    QColor light(Qt::white), edge(m_style.boundary);
    light.setAlphaF(static_cast<float>(0.6 * strength));
    edge.setAlphaF(static_cast<float>(strength));
    const QPen onData = m_style.pen(light, 0.4);
    const QPen onMasked = m_style.pen(edge, 0.35);
    for (const SegmentMark& mark : m_segments) {
        const auto border = static_cast<double>(mark.span.begin);
        if (border > keys.lower && border < keys.upper) {
            // Above the diagonal nothing was attended; the line there only leads up to the label.
            const double x = keyPixel(border), diagonal = queryPixel(border);
            painter->setPen(onMasked);
            painter->drawLine(QPointF(x, rect.top()), QPointF(x, diagonal));
            painter->setPen(onData);
            painter->drawLine(QPointF(x, diagonal), QPointF(x, rect.top() + rect.height()));
        }
        if (border > queries.lower && border < queries.upper) {
            painter->setPen(onData);
            painter->drawLine(QPointF(rect.left(), queryPixel(border)), QPointF(keyPixel(border), queryPixel(border)));
        }
    }
}

void MapOverlay::drawBand(QCPPainter* painter) const
{
    const double top = bandTop();
    const QCPRange keys = m_rect->axis(QCPAxis::atBottom)->range();
    painter->setPen(Qt::NoPen);
    const QColor tones[2] = {m_style.dark ? QColor(0x8a, 0x8a, 0x90) : QColor(0x7d, 0x7d, 0x7d),
                             m_style.dark ? QColor(0x5c, 0x5c, 0x62) : QColor(0xbe, 0xbe, 0xbe)};
    int tone = 0;
    for (const SegmentMark& mark : m_segments) {
        const auto begin = static_cast<double>(mark.span.begin), end = static_cast<double>(mark.span.end);
        if (mark.span.empty() || end <= keys.lower || begin >= keys.upper)
            continue;
        const double left = keyPixel(begin);
        painter->setBrush(tones[tone++ % 2]);
        painter->drawRect(QRectF(left, top, keyPixel(end) - left, m_style.units(kBandPt)));
    }
    drawLabels(painter, top);
}

double MapOverlay::bandTop() const { return m_rect->rect().top() - m_style.units(kBandPt + kSinkPt); }

std::vector<MapOverlay::BandLabel> MapOverlay::labels() const
{
    const QCPRange keys = m_rect->axis(QCPAxis::atBottom)->range();
    const int shots = static_cast<int>(std::count_if(m_segments.begin(), m_segments.end(), [](const SegmentMark& mark) {
        return mark.kind == core::SegmentKind::shot;
    }));
    std::vector<LabelWish> wishes;
    std::vector<const SegmentMark*> marks;
    for (const SegmentMark& mark : m_segments) {
        const auto begin = static_cast<double>(mark.span.begin), end = static_cast<double>(mark.span.end);
        if (mark.label.empty() || mark.span.empty() || end <= keys.lower || begin >= keys.upper)
            continue;
        wishes.push_back({(keyPixel(begin) + keyPixel(end)) / 2,
                          m_style.textWidth(QString::fromStdString(mark.label), kLabelScale), labelRank(mark, shots)});
        marks.push_back(&mark);
    }
    const QRectF rect = m_rect->rect();
    const double reach = m_style.units(4); // labels may stand out a little at both ends
    std::vector<BandLabel> placed;
    for (const PlacedLabel& label : placeLabels(wishes, rect.left() - reach, rect.right() + reach, m_style.units(2.2)))
        placed.push_back(
            {marks[label.index], label.center, wishes[label.index].center, wishes[label.index].width});
    return placed;
}

void MapOverlay::drawLabels(QCPPainter* painter, double top) const
{
    const double height = m_style.lineHeight(kLabelScale);
    const double bottom = top - m_style.units(kLeaderPt);
    painter->setFont(m_style.font(kLabelScale));
    for (const BandLabel& label : labels()) {
        painter->setPen(m_style.pen(m_style.subtle, 0.35));
        if (std::abs(label.center - label.wish) > m_style.units(1))
            painter->drawLine(QPointF(label.center, bottom + m_style.units(0.3)), QPointF(label.wish, top));
        painter->setPen(m_style.text);
        painter->drawText(QRectF(label.center - label.width, bottom - height, 2 * label.width, height),
                          Qt::AlignHCenter | Qt::AlignBottom | Qt::TextDontClip,
                          QString::fromStdString(label.mark->label));
    }
}

const SegmentMark* MapOverlay::segmentAt(QPointF position) const
{
    if (!m_rect || !m_withBand)
        return nullptr;
    const QRectF rect = m_rect->rect();
    const double labelTop = bandTop() - m_style.units(kLeaderPt) - m_style.lineHeight(kLabelScale);
    if (position.y() < labelTop || position.y() >= rect.top())
        return nullptr;
    if (position.y() < bandTop() - m_style.units(kLeaderPt) / 2) {
        for (const BandLabel& label : labels())
            if (std::abs(position.x() - label.center) <= label.width / 2 + m_style.units(1))
                return label.mark;
        return nullptr;
    }
    if (position.x() < rect.left() || position.x() > rect.right())
        return nullptr;
    const double key = m_rect->axis(QCPAxis::atBottom)->pixelToCoord(position.x());
    for (const SegmentMark& mark : m_segments)
        if (key >= static_cast<double>(mark.span.begin) && key < static_cast<double>(mark.span.end))
            return &mark;
    return nullptr;
}

void MapOverlay::drawSinks(QCPPainter* painter) const
{
    const QCPRange keys = m_rect->axis(QCPAxis::atBottom)->range();
    if (m_sinkTokens <= 0 || keys.lower >= static_cast<double>(m_sinkTokens))
        return;
    const QRectF rect = m_rect->rect();
    const double left = keyPixel(0), right = keyPixel(static_cast<double>(m_sinkTokens));
    if (m_hatchSinks)
        drawSinkHatching(painter, right);
    painter->setPen(m_style.pen(m_style.sink, 0.5, Qt::DashLine));
    if (right - left > m_style.units(1.5)) // nearer to the frame the line would only hide it
        painter->drawLine(QPointF(right, rect.top()), QPointF(right, rect.top() + rect.height()));
    if (!m_withBand)
        return;
    const double half = m_style.units(1.9), center = (left + right) / 2;
    const double tip = rect.top() - m_style.units(0.3);
    painter->setPen(Qt::NoPen);
    painter->setBrush(m_style.sink);
    painter->drawPolygon(
        QPolygonF{{center - half, tip - m_style.units(3)}, {center + half, tip - m_style.units(3)}, {center, tip}});
}

void MapOverlay::drawSinkHatching(QCPPainter* painter, double right) const
{
    const QRectF rect = m_rect->rect();
    const QRectF sinks(rect.left(), rect.top(), std::max(1.0, right - rect.left()), rect.height());
    QColor pale = m_style.masked;
    pale.setAlphaF(0.55F);
    painter->save();
    painter->setClipRect(sinks);
    painter->fillRect(sinks, pale);
    painter->setPen(m_style.pen(m_style.axis, 0.5));
    const double step = m_style.units(4); // lines, since patterns of brushes do not reach vector files
    for (double y = sinks.top(); y < sinks.bottom() + sinks.width(); y += step)
        painter->drawLine(QPointF(sinks.left(), y), QPointF(sinks.right(), y - sinks.width()));
    painter->restore();
}

} // namespace kvviz::plot
