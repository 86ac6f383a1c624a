// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/bar_item.hpp"

#include "views/label_placement.hpp"
#include "views/scale_bar.hpp"
#include "views/text_block.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::plot {

namespace {

constexpr double kLabelScale = 0.9, kPaddingPt = 2.5, kSamplePt = 9, kEntryGapPt = 8;
constexpr double kWidestBarPt = 26;
constexpr double kShape = 0.45; // height of the data area, of its width

/// 0, 0.25, ... 1 where there is room, else fewer.
std::vector<double> ticks(double low, double high, double height, double needed)
{
    for (const int count : {5, 4, 2, 1}) {
        if (count > 1 && height / count < needed)
            continue;
        std::vector<double> places;
        for (int i = 0; i <= count; ++i)
            places.push_back(low + (high - low) * i / count);
        return places;
    }
    return {low, high};
}

} // namespace

struct BarItem::Entry {
    QString text;
    enum class Kind : std::uint8_t { bar, outline, line, dashes, mark } kind = Kind::bar;
    int color = 0;
};

void BarItem::setPanel(const BarPanel& panel, const PlotStyle& style)
{
    m_panel = panel;
    m_style = style;
}

std::vector<BarItem::Entry> BarItem::legend() const
{
    std::vector<Entry> entries;
    for (const BarSeries& series : m_panel.series)
        entries.push_back({QString::fromStdString(series.name), series.hollow ? Entry::Kind::outline : Entry::Kind::bar,
                           series.color});
    if (!m_panel.markName.empty())
        entries.push_back({QString::fromStdString(m_panel.markName), Entry::Kind::mark, 0});
    for (const BarLine& line : m_panel.lines)
        entries.push_back(
            {QString::fromStdString(line.name), line.dashed ? Entry::Kind::dashes : Entry::Kind::line, line.color});
    return entries;
}

double BarItem::legendHeight(double width) const
{
    const double line = m_style.lineHeight(kLabelScale) * 1.15;
    double x = 0;
    int rows = 1;
    for (const Entry& entry : legend()) {
        const double needed = m_style.units(kSamplePt + kPaddingPt) + m_style.textWidth(entry.text, kLabelScale);
        if (x > 0 && x + needed > width) {
            x = 0;
            ++rows;
        }
        x += needed + m_style.units(kEntryGapPt);
    }
    return rows * line + m_style.units(kPaddingPt);
}

void BarItem::place(const QRectF& rect)
{
    m_rect = rect;
    const double line = m_style.lineHeight(kLabelScale), padding = m_style.units(kPaddingPt);
    const double numbers = std::max(m_style.textWidth(shortNumber(m_panel.yHigh), kLabelScale),
                                    m_style.textWidth(QStringLiteral("0.75"), kLabelScale));
    const bool titled = !m_panel.title.empty() || !m_panel.letter.empty();
    m_plot = QRectF(
        std::round(rect.left() + m_style.lineHeight() + numbers + 2.5 * padding),
        std::round(rect.top() + (titled ? m_style.lineHeight() + padding : 0) + legendHeight(rect.width()) + line / 2),
        0, 0);
    m_plot.setRight(std::max(m_plot.left() + 1, std::round(rect.right() - padding)));
    const double below = line + padding + (m_panel.xLabel.empty() ? 0.0 : m_style.lineHeight());
    m_plot.setBottom(std::max(m_plot.top() + 1, std::round(rect.bottom() - below)));
}

double BarItem::heightForWidth(double width) const
{
    return width * kShape + legendHeight(width) + 3 * m_style.lineHeight();
}

double BarItem::slot() const
{
    return m_plot.width() / static_cast<double>(std::max<std::size_t>(1, m_panel.categories.size()));
}

double BarItem::y(double value) const
{
    const double share = (value - m_panel.yLow) / (m_panel.yHigh - m_panel.yLow);
    return m_plot.bottom() - std::clamp(share, 0.0, 1.0) * m_plot.height();
}

QRectF BarItem::barRect(int series, int category) const
{
    const auto count = static_cast<double>(std::max<std::size_t>(1, m_panel.series.size()));
    const double width = std::min(slot() * 0.8 / count, m_style.units(kWidestBarPt));
    const double left = m_plot.left() + (category + 0.5) * slot() - width * count / 2 + series * width;
    const double value =
        m_panel.series.at(static_cast<std::size_t>(series)).values.at(static_cast<std::size_t>(category));
    const double inner = count > 1 ? std::min(1.0, width * 0.1) : 0.0;
    return {left, y(value), width - inner, m_plot.bottom() - y(value)};
}

int BarItem::categoryAt(QPointF position) const
{
    const QRectF reach(m_plot.left(), m_plot.top(), m_plot.width(), m_rect.bottom() - m_plot.top());
    if (!reach.contains(position))
        return -1;
    return std::min(static_cast<int>(m_panel.categories.size()) - 1,
                    static_cast<int>((position.x() - m_plot.left()) / slot()));
}

void BarItem::paint(QPainter& painter) const
{
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing, true);
    paintAxis(painter);
    paintBars(painter);
    paintLabels(painter);
    paintLegend(painter);
    painter.restore();
}

void BarItem::paintAxis(QPainter& painter) const
{
    const double line = m_style.lineHeight(kLabelScale), padding = m_style.units(kPaddingPt);
    painter.setFont(m_style.font(kLabelScale));
    for (const double tick : ticks(m_panel.yLow, m_panel.yHigh, m_plot.height(), 2 * line)) {
        painter.setPen(m_style.pen(m_style.grid, 0.5));
        painter.drawLine(QPointF(m_plot.left(), y(tick)), QPointF(m_plot.right(), y(tick)));
        painter.setPen(m_style.text);
        painter.drawText(QRectF(m_plot.left() - padding - 300, y(tick) - line / 2, 300, line),
                         Qt::AlignRight | Qt::AlignVCenter, shortNumber(tick));
    }
    painter.save();
    painter.setFont(m_style.font());
    const double room = m_plot.height() + 2 * line;
    painter.translate(m_rect.left() + m_style.lineHeight() / 2, m_plot.center().y());
    painter.rotate(-90);
    painter.drawText(QRectF(-room / 2, -m_style.lineHeight() / 2, room, m_style.lineHeight()), Qt::AlignCenter,
                     elided(QString::fromStdString(m_panel.yLabel), room, 1.0, m_style));
    painter.restore();
}

void BarItem::paintBars(QPainter& painter) const
{
    for (std::size_t s = 0; s < m_panel.series.size(); ++s) {
        const BarSeries& series = m_panel.series[s];
        const QColor color = seriesColor(series.color, m_style);
        for (std::size_t c = 0; c < series.values.size(); ++c) {
            if (std::isnan(series.values[c]))
                continue;
            const QRectF bar = barRect(static_cast<int>(s), static_cast<int>(c));
            const double width = std::min(m_style.units(1), bar.width() / 3);
            painter.setPen(series.hollow ? QPen(color, width) : QPen(Qt::NoPen));
            painter.setBrush(series.hollow ? QBrush(Qt::NoBrush) : QBrush(color));
            painter.drawRect(series.hollow ? bar.adjusted(width / 2, width / 2, -width / 2, 0) : bar);
            if (c < series.marks.size() && !std::isnan(series.marks[c]))
                paintMark(painter, QPointF(bar.center().x(), y(series.marks[c])),
                          std::min(m_style.units(3), std::max(bar.width() * 0.45, m_style.units(1.2))));
        }
    }
    for (const BarLine& line : m_panel.lines) {
        painter.setPen(m_style.pen(seriesColor(line.color, m_style), 1, line.dashed ? Qt::DashLine : Qt::SolidLine));
        painter.drawLine(QPointF(m_plot.left(), y(line.value)), QPointF(m_plot.right(), y(line.value)));
    }
    painter.setPen(m_style.pen(m_style.axis, 0.7));
    painter.drawLine(m_plot.bottomLeft(), m_plot.bottomRight());
}

void BarItem::paintMark(QPainter& painter, QPointF center, double size) const
{
    painter.setPen(QPen(m_style.text, std::max(1.0, size / 4)));
    painter.setBrush(m_style.background);
    painter.drawPolygon(QPolygonF{{center.x() - size, center.y()},
                                  {center.x(), center.y() - size},
                                  {center.x() + size, center.y()},
                                  {center.x(), center.y() + size}});
}

void BarItem::paintLabels(QPainter& painter) const
{
    std::vector<LabelWish> wishes;
    for (std::size_t c = 0; c < m_panel.categories.size(); ++c)
        wishes.push_back({m_plot.left() + (static_cast<double>(c) + 0.5) * slot(),
                          m_style.textWidth(QString::fromStdString(m_panel.categories[c]), kLabelScale, true),
                          c < m_panel.ranks.size() ? m_panel.ranks[c] : 0});
    const double line = m_style.lineHeight(kLabelScale), top = m_plot.bottom() + m_style.units(kPaddingPt);
    for (const PlacedLabel& label :
         placeLabels(wishes, m_plot.left() - m_style.units(4), m_rect.right(), m_style.units(2.2))) {
        const LabelWish& wish = wishes[label.index];
        const bool strong = static_cast<int>(label.index) == m_panel.marked;
        painter.setFont(m_style.font(kLabelScale, strong));
        painter.setPen(m_style.pen(m_style.subtle, 0.35));
        if (std::abs(label.center - wish.center) > m_style.units(1))
            painter.drawLine(QPointF(label.center, top), QPointF(wish.center, m_plot.bottom()));
        painter.setPen(m_style.text);
        painter.drawText(QRectF(label.center - wish.width, top, 2 * wish.width, line), Qt::AlignCenter,
                         QString::fromStdString(m_panel.categories[label.index]));
    }
    painter.setFont(m_style.font());
    painter.setPen(m_style.text);
    painter.drawText(QRectF(m_plot.left(), top + line, m_plot.width(), m_style.lineHeight()), Qt::AlignCenter,
                     elided(QString::fromStdString(m_panel.xLabel), m_plot.width(), 1.0, m_style));
}

/// Letter and title; returns their height.
double BarItem::paintTitle(QPainter& painter) const
{
    if (m_panel.title.empty() && m_panel.letter.empty())
        return 0;
    const QString letter =
        m_panel.letter.empty() ? QString() : QStringLiteral("(%1) ").arg(QString::fromStdString(m_panel.letter));
    const auto draw = [&](double left, const QString& text, bool bold) {
        painter.setFont(m_style.font(1.0, bold));
        painter.drawText(QRectF(left, m_rect.top(), 1, m_style.lineHeight()),
                         Qt::AlignLeft | Qt::AlignVCenter | Qt::TextDontClip, text);
    };
    painter.setPen(m_style.text);
    draw(m_rect.left(), letter, true);
    draw(m_rect.left() + m_style.textWidth(letter, 1.0, true), QString::fromStdString(m_panel.title), false);
    return m_style.lineHeight() + m_style.units(kPaddingPt);
}

void BarItem::paintSample(QPainter& painter, const Entry& entry, const QRectF& box) const
{
    using Kind = Entry::Kind;
    const QColor color = seriesColor(entry.color, m_style);
    const Qt::PenStyle line = entry.kind == Kind::dashes ? Qt::DashLine : Qt::SolidLine;
    painter.setBrush(entry.kind == Kind::bar ? QBrush(color) : QBrush(Qt::NoBrush));
    painter.setPen(entry.kind == Kind::bar ? QPen(Qt::NoPen) : m_style.pen(color, 1, line));
    if (entry.kind == Kind::mark)
        paintMark(painter, box.center(), box.height() * 0.4);
    else if (entry.kind == Kind::bar || entry.kind == Kind::outline)
        painter.drawRect(box);
    else
        painter.drawLine(QPointF(box.left(), box.center().y()), QPointF(box.right(), box.center().y()));
}

void BarItem::paintLegend(QPainter& painter) const
{
    const double line = m_style.lineHeight(kLabelScale) * 1.15, sample = m_style.units(kSamplePt);
    double top = m_rect.top() + paintTitle(painter), x = m_rect.left();
    painter.setFont(m_style.font(kLabelScale));
    for (const Entry& entry : legend()) {
        const double text = m_style.textWidth(entry.text, kLabelScale);
        if (x > m_rect.left() && x + sample + m_style.units(kPaddingPt) + text > m_rect.right()) {
            x = m_rect.left();
            top += line;
        }
        paintSample(painter, entry, QRectF(x, top + line * 0.2, sample, line * 0.6));
        painter.setPen(m_style.text);
        painter.drawText(QRectF(x + sample + m_style.units(kPaddingPt), top, text, line),
                         Qt::AlignLeft | Qt::AlignVCenter | Qt::TextDontClip, entry.text);
        x += sample + m_style.units(kPaddingPt) + text + m_style.units(kEntryGapPt);
    }
}

} // namespace kvviz::plot
