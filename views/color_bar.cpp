// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/color_bar.hpp"

#include "views/heatmap_panel.hpp"

namespace kvviz::plot {

ColorBar::ColorBar(QCPAxisRect* rect) : QCPLayerable(rect->parentPlot(), QStringLiteral("main")), m_rect(rect) {}

void ColorBar::setScale(const ColorScale& scale, const PlotStyle& style)
{
    m_scale = scale;
    m_style = style;
    styleMapRect(m_rect, style);
    for (QCPAxis* axis : m_rect->axes()) {
        axis->setTicks(false);
        axis->setTickLabels(false);
    }
    QCPAxis* axis = m_rect->axis(QCPAxis::atRight);
    axis->setTicks(true);
    axis->setTickLabels(true);
    if (scale.logarithmic) {
        axis->setScaleType(QCPAxis::stLogarithmic);
        axis->setTicker(QSharedPointer<QCPAxisTickerLog>::create());
        axis->setNumberFormat(QStringLiteral("eb"));
        axis->setNumberPrecision(0);
    } else {
        axis->setScaleType(QCPAxis::stLinear);
        axis->setTicker(QSharedPointer<QCPAxisTicker>::create());
        axis->setNumberFormat(QStringLiteral("gb"));
        axis->setNumberPrecision(3);
    }
    axis->setRange(scale.low, scale.high);
}

void ColorBar::place(QCPLayoutInset* layout, const QRectF& rect, QSizeF canvas)
{
    placeElement(layout, m_rect, rect, canvas);
    const QString label = QString::fromStdString(m_scale.label);
    const bool fits = m_style.textWidth(label) <= rect.height() + m_style.units(2);
    m_rect->axis(QCPAxis::atRight)->setLabel(fits ? label : label.section(QLatin1Char(' '), 0, 0));
}

double ColorBar::labelWidth(const ColorScale& scale, const PlotStyle& style)
{
    const QString widest = scale.logarithmic ? QStringLiteral("10-5") : QStringLiteral("0.025");
    return style.units(2.2 + 1.4 + 1.6) + style.textWidth(widest, 0.9) + style.lineHeight();
}

QRect ColorBar::clipRect() const { return mParentPlot->viewport(); }

void ColorBar::applyDefaultAntialiasingHint(QCPPainter* painter) const { painter->setAntialiasing(false); }

void ColorBar::draw(QCPPainter* painter)
{
    if (!m_rect || !m_rect->visible())
        return;
    drawPixelExact(painter, m_rect->rect(), 1.0, [this](QSizeF size) {
        QImage image(size.toSize().expandedTo(QSize(1, 1)), QImage::Format_RGB32);
        const auto& table = core::colorTable(m_scale.map);
        for (int y = 0; y < image.height(); ++y) {
            const double share = 1.0 - (y + 0.5) / image.height();
            const core::Rgb color = table[static_cast<std::size_t>(qBound(0, qRound(share * 255.0), 255))];
            auto* line = reinterpret_cast<QRgb*>(image.scanLine(y));
            std::fill(line, line + image.width(), qRgb(color.red, color.green, color.blue));
        }
        return image;
    });
    drawFrame(painter, m_rect->rect(), m_style);
}

} // namespace kvviz::plot
