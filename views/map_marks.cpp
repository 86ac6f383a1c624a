// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/map_marks.hpp"

#include <algorithm>

namespace kvviz::plot {

namespace {

constexpr double kTagScale = 0.85;
constexpr double kTagPadPt = 1.6;

bool inside(double coordinate, const QCPRange& range) { return coordinate > range.lower && coordinate < range.upper; }

} // namespace

MarksItem::MarksItem(QCPAxisRect* prompt, QCPAxisRect* decode, QCPAxisRect* strip)
    : QCPLayerable(prompt->parentPlot(), QStringLiteral("overlay")), m_prompt(prompt), m_decode(decode), m_strip(strip)
{
}

void MarksItem::setMarks(const MapMarks& marks, const PlotStyle& style)
{
    m_marks = marks;
    m_style = style;
}

QRect MarksItem::clipRect() const { return mParentPlot->viewport(); }

void MarksItem::applyDefaultAntialiasingHint(QCPPainter* painter) const { painter->setAntialiasing(true); }

QCPAxisRect* MarksItem::rectOf(std::int64_t query) const
{
    for (QCPAxisRect* rect : {m_prompt.data(), m_decode.data()})
        if (rect && rect->visible() && inside(static_cast<double>(query) + 0.5, rect->axis(QCPAxis::atLeft)->range()))
            return rect;
    return nullptr;
}

double MarksItem::bottom() const
{
    for (const QCPAxisRect* rect : {m_strip.data(), m_decode.data()})
        if (rect && rect->visible())
            return rect->rect().top() + rect->rect().height();
    return m_prompt->rect().top() + m_prompt->rect().height();
}

void MarksItem::draw(QCPPainter* painter)
{
    if (!m_prompt || (m_marks.query < 0 && m_marks.key < 0))
        return;
    drawMeasured(painter);
    drawKey(painter);
    drawQuery(painter);
}

/// Dark, and light in the middle: to be seen on every colour of a map and beside it.
void MarksItem::drawLine(QCPPainter* painter, QPointF from, QPointF to) const
{
    QColor halo(Qt::black);
    halo.setAlphaF(0.75F);
    painter->setPen(m_style.pen(halo, 1.6));
    painter->drawLine(from, to);
    painter->setPen(m_style.pen(Qt::white, 0.6));
    painter->drawLine(from, to);
}

void MarksItem::drawKey(QCPPainter* painter) const
{
    const QCPAxis* axis = m_prompt->axis(QCPAxis::atBottom);
    const double key = static_cast<double>(m_marks.key) + 0.5;
    if (m_marks.key < 0 || !inside(key, axis->range()))
        return;
    const double x = axis->coordToPixel(key), low = bottom();
    drawLine(painter, QPointF(x, m_prompt->rect().top()), QPointF(x, low));
    const QString text = QString::fromStdString(m_marks.keyText);
    const double pad = m_style.units(kTagPadPt), width = m_style.textWidth(text, kTagScale) + 2 * pad;
    const QRectF rect = m_prompt->rect();
    const double left = std::clamp(x - width / 2, rect.left(), std::max(rect.left(), rect.right() - width));
    drawTag(painter, QRectF(left, low + m_style.units(2.2), width, m_style.lineHeight(kTagScale) + pad), text,
            kTagScale);
}

void MarksItem::drawQuery(QCPPainter* painter) const
{
    QCPAxisRect* rect = m_marks.query < 0 ? nullptr : rectOf(m_marks.query);
    if (!rect)
        return;
    const double y = rect->axis(QCPAxis::atLeft)->coordToPixel(static_cast<double>(m_marks.query) + 0.5);
    const QRectF map = rect->rect();
    drawLine(painter, QPointF(map.left(), y), QPointF(map.left() + map.width(), y));
    const QString text = QString::fromStdString(m_marks.queryText);
    const double pad = m_style.units(kTagPadPt);
    // What is beside the axis may be narrow: the tag grows into the map rather than out of the plot.
    const double width = m_style.textWidth(text, kTagScale) + 2 * pad, height = m_style.lineHeight(kTagScale) + pad;
    const double left = std::max(m_style.units(1), map.left() - m_style.units(2.2) - width);
    drawTag(painter, QRectF(left, y - height / 2, width, height), text, kTagScale);
}

void MarksItem::drawMeasured(QCPPainter* painter) const
{
    QCPAxisRect* rect = m_marks.measured.empty() || m_marks.query < 0 ? nullptr : rectOf(m_marks.query);
    if (!rect)
        return;
    const QCPAxis* keys = rect->axis(QCPAxis::atBottom);
    const QCPRange range = keys->range();
    const double begin = std::max(range.lower, static_cast<double>(m_marks.measured.begin));
    const double end = std::min(range.upper, static_cast<double>(m_marks.measured.end));
    if (begin >= end)
        return;
    const QRectF map = rect->rect();
    const double left = keys->coordToPixel(begin), right = keys->coordToPixel(end);
    const double y = rect->axis(QCPAxis::atLeft)->coordToPixel(static_cast<double>(m_marks.query) + 0.5);
    QColor fill = m_style.sink;
    fill.setAlphaF(0.30F);
    painter->setPen(Qt::NoPen);
    painter->setBrush(fill);
    const double half = m_style.units(3.2);
    painter->drawRect(QRectF(left, y - half, right - left, 2 * half));
    for (const double x : {left, right})
        drawLine(painter, QPointF(x, y - 1.6 * half), QPointF(x, y + 1.6 * half));
    const QString text = QString::fromStdString(m_marks.measuredText);
    const double pad = m_style.units(kTagPadPt), width = m_style.textWidth(text, 1.0) + 2 * pad;
    const double height = m_style.lineHeight() + pad;
    const bool above = y - 2 * half - height > map.top();
    const double x = std::clamp((left + right) / 2 - width / 2, map.left(), std::max(map.left(), map.right() - width));
    drawTag(painter, QRectF(x, above ? y - 2 * half - height : y + 2 * half, width, height), text, 1.0);
}

void MarksItem::drawTag(QCPPainter* painter, QRectF rect, const QString& text, double scale) const
{
    painter->setPen(m_style.pen(m_style.axis, 0.6));
    painter->setBrush(m_style.background);
    painter->drawRect(rect);
    painter->setFont(m_style.font(scale));
    painter->setPen(m_style.text);
    painter->drawText(rect, Qt::AlignCenter | Qt::TextDontClip, text);
}

} // namespace kvviz::plot
