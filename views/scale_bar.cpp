// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/scale_bar.hpp"

#include "views/map_image.hpp"
#include "views/text_block.hpp"

#include <cmath>

namespace kvviz::plot {

namespace {

constexpr double kBarPt = 6, kScale = 0.85;

} // namespace

QString shortNumber(double value)
{
    if (!std::isfinite(value))
        return QStringLiteral("\u2013");
    return QString::number(value, 'g', 3).replace(QLatin1Char('-'), QChar(0x2212));
}

QColor textOn(const QColor& background)
{
    const core::Rgb rgb{static_cast<std::uint8_t>(background.red()), static_cast<std::uint8_t>(background.green()),
                        static_cast<std::uint8_t>(background.blue())};
    return core::lightness(rgb) > 52 ? QColor(0x10, 0x10, 0x10) : QColor(Qt::white);
}

QColor scaleColor(double value, const ColorScale& scale)
{
    const core::Rgb rgb = core::colorTable(scale.map)[static_cast<std::size_t>(colorIndex(value, scale))];
    return {rgb.red, rgb.green, rgb.blue};
}

ScaleBar scaleBarOf(const ColorScale& scale)
{
    const double middle = scale.logarithmic ? std::sqrt(scale.low * scale.high) : (scale.low + scale.high) / 2;
    return {QString::fromStdString(scale.label), shortNumber(scale.low), shortNumber(middle), shortNumber(scale.high),
            [table = &core::colorTable(scale.map)](double share) {
                const core::Rgb rgb = (*table)[static_cast<std::size_t>(std::lround(share * 255))];
                return QColor(rgb.red, rgb.green, rgb.blue);
            }};
}

double scaleBarHeight(const PlotStyle& style, bool label)
{
    return (label ? 2 : 1) * style.lineHeight(kScale) + style.units(kBarPt + 2);
}

void paintScaleBar(QPainter& painter, const ScaleBar& bar, const QRectF& rect, const PlotStyle& style)
{
    const double line = style.lineHeight(kScale);
    const double labelHeight = bar.label.isEmpty() ? 0.0 : line;
    const QRectF box(rect.left(), std::round(rect.top() + labelHeight + style.units(1)), rect.width(),
                     std::round(style.units(kBarPt)));
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing, false);
    constexpr int kSteps = 64; // an image or a gradient would be a raster inside vector files
    for (int i = 0; i < kSteps; ++i) {
        const double left = std::floor(box.left() + box.width() * i / kSteps);
        const double right = std::floor(box.left() + box.width() * (i + 1) / kSteps);
        painter.fillRect(QRectF(left, box.top(), right - left, box.height()), bar.color((i + 0.5) / kSteps));
    }
    painter.setPen(style.pen(style.axis, 0.5));
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(box);
    painter.setRenderHint(QPainter::Antialiasing, true);
    painter.setFont(style.font(kScale));
    painter.setPen(style.text);
    if (!bar.label.isEmpty())
        painter.drawText(QRectF(rect.left(), rect.top(), rect.width(), line), Qt::AlignLeft | Qt::AlignVCenter,
                         elided(bar.label, rect.width(), kScale, style));
    const QRectF below(box.left(), box.bottom() + style.units(0.5), box.width(), line);
    const double room = box.width() - 2 * std::max(style.textWidth(bar.low, kScale), style.textWidth(bar.high, kScale));
    painter.drawText(below, Qt::AlignLeft | Qt::AlignVCenter | Qt::TextDontClip, bar.low);
    painter.drawText(below, Qt::AlignRight | Qt::AlignVCenter | Qt::TextDontClip, bar.high);
    if (style.textWidth(bar.middle, kScale) + style.units(8) < room)
        painter.drawText(below, Qt::AlignHCenter | Qt::AlignVCenter, bar.middle);
    painter.restore();
}

} // namespace kvviz::plot
