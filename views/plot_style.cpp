// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/plot_style.hpp"

#include "core/color_map.hpp"

#include <QFontDatabase>
#include <QFontMetricsF>

#include <algorithm>
#include <array>
#include <cmath>

namespace kvviz::plot {

namespace {

/// The first of the usual sans-serif families that is installed; named exactly so that SVG viewers find it, too.
QString sansFamily()
{
    static const QString family = [] {
        const QStringList installed = QFontDatabase::families();
        for (const char* name : {"Arial", "Helvetica", "Liberation Sans", "Nimbus Sans", "DejaVu Sans"})
            if (installed.contains(QLatin1String(name)))
                return QString::fromLatin1(name);
        return QFont().family();
    }();
    return family;
}

constexpr double kFramePt = 0.5; // line width of axes

constexpr std::array<QRgb, kSeriesColors> kOkabeIto{0xff0072b2, 0xffd55e00, 0xff009e73, 0xffcc79a7,
                                                    0xffe69f00, 0xff56b4e9, 0xff000000, 0xffb8a800};

double frameWidth(const PlotStyle& style) { return std::max(1.0, style.units(kFramePt * style.lineScale)); }

} // namespace

PlotStyle PlotStyle::paper(double fontPt, bool dark)
{
    PlotStyle style;
    style.fontPt = fontPt;
    style.family = sansFamily();
    style.background = Qt::white;
    style.text = QColor(0x1a, 0x1a, 0x1a);
    style.subtle = QColor(0x59, 0x59, 0x59);
    style.axis = QColor(0x33, 0x33, 0x33);
    style.grid = QColor(0xe2, 0xe2, 0xe2);
    style.masked = QColor(0xed, 0xed, 0xed);
    style.boundary = QColor(0x9a, 0x9a, 0x9a);
    style.sink = QColor(0xd5, 0x5e, 0x00);
    if (dark)
        style.makeDark(QColor(0x1e, 0x1e, 0x21));
    return style;
}

void PlotStyle::makeDark(const QColor& base)
{
    dark = true;
    background = base;
    text = QColor(0xe6, 0xe6, 0xe6);
    subtle = QColor(0xb0, 0xb0, 0xb0);
    axis = QColor(0xc0, 0xc0, 0xc0);
    grid = QColor(0x3c, 0x3c, 0x40);
    masked = QColor(0x3a, 0x3a, 0x3e);
    boundary = QColor(0x7a, 0x7a, 0x80);
    sink = QColor(0xff, 0x8c, 0x3a);
}

PlotStyle PlotStyle::screen(const QPalette& palette, double dotsPerInch, double fontPt)
{
    PlotStyle style = paper(fontPt);
    style.unitsPerPoint = dotsPerInch / 72.0;
    style.tokenScale = 0.85;
    style.spread = 1.5;
    if (palette.color(QPalette::Window).lightnessF() < 0.5)
        style.makeDark(palette.color(QPalette::Base));
    return style;
}

QFont PlotStyle::font(double scale, bool bold) const
{
    QFont font(family);
    font.setPixelSize(std::max(1, static_cast<int>(std::lround(units(fontPt * scale)))));
    font.setBold(bold);
    font.setHintingPreference(unitsPerPoint > 3 ? QFont::PreferNoHinting : QFont::PreferDefaultHinting);
    return font;
}

QPen PlotStyle::pen(const QColor& color, double widthPt, Qt::PenStyle line) const
{
    QPen pen(color, units(widthPt * lineScale), line);
    pen.setCapStyle(Qt::FlatCap);
    return pen;
}

double PlotStyle::lineHeight(double scale) const { return QFontMetricsF(font(scale)).height(); }

double PlotStyle::textWidth(const QString& string, double scale, bool bold) const
{
    return QFontMetricsF(font(scale, bold)).horizontalAdvance(string);
}

int seriesColorCount(const PlotStyle& style)
{
    return style.seriesColors.empty() ? kSeriesColors : static_cast<int>(style.seriesColors.size());
}

QColor seriesColor(int index, const PlotStyle& style)
{
    if (!style.seriesColors.empty()) // chosen by the user, for this background
        return style.seriesColors[static_cast<std::size_t>(index) % style.seriesColors.size()];
    const QColor color = QColor::fromRgb(kOkabeIto[static_cast<std::size_t>(index) % kOkabeIto.size()]);
    if (!style.dark)
        return color;
    return color == Qt::black ? QColor(Qt::white) : color.lighter(130);
}

QColor shadeColor(double shade, const PlotStyle& style)
{
    const auto& table = core::colorTable(core::ColorMap::viridis); // dark to bright
    const double from = style.dark ? 70 : 205, to = style.dark ? 250 : 15;
    const double place = from + std::clamp(shade, 0.0, 1.0) * (to - from);
    const core::Rgb color = table[static_cast<std::size_t>(std::lround(place))];
    return {color.red, color.green, color.blue};
}

QCPScatterStyle seriesMarker(int index, const QColor& color, bool hollow, const PlotStyle& style)
{
    using Shape = QCPScatterStyle;
    static constexpr std::array<Shape::ScatterShape, 9> shapes{
        Shape::ssDisc,  Shape::ssSquare, Shape::ssTriangle, Shape::ssDiamond, Shape::ssTriangleInverted,
        Shape::ssCross, Shape::ssPlus,   Shape::ssCircle,   Shape::ssStar};
    Shape::ScatterShape shape = shapes[static_cast<std::size_t>(index) % shapes.size()];
    if (hollow && shape == Shape::ssDisc) // always filled
        shape = Shape::ssCircle;
    QCPScatterStyle marker(shape, style.pen(color, 0.7), QBrush(color), style.units(3.6 * style.markerScale));
    if (hollow || marker.shape() == Shape::ssCircle)
        marker.setBrush(QBrush(style.background));
    return marker;
}

namespace {

/// Minus signs as long as plus signs.
class NumberTicker : public QCPAxisTicker {
protected:
    QString getTickLabel(double tick, const QLocale& locale, QChar format, int precision) override
    {
        return QCPAxisTicker::getTickLabel(tick, locale, format, precision).replace(QLatin1Char('-'), QChar(0x2212));
    }
};

} // namespace

QSharedPointer<QCPAxisTicker> numberTicker() { return QSharedPointer<NumberTicker>::create(); }

void styleAxis(QCPAxis* axis, const PlotStyle& style)
{
    axis->setBasePen(style.pen(style.axis, kFramePt));
    axis->setTickPen(style.pen(style.axis, kFramePt));
    axis->setSubTickPen(style.pen(style.axis, 0.35));
    axis->setTickLength(0, qRound(style.units(2.2)));
    axis->setSubTickLength(0, qRound(style.units(1.2)));
    axis->setTickLabelFont(style.font(0.9));
    axis->setTickLabelColor(style.text);
    axis->setTickLabelPadding(qRound(style.units(1.4)));
    axis->setLabelFont(style.font());
    axis->setLabelColor(style.text);
    axis->setLabelPadding(qRound(style.units(1.6)));
    axis->setPadding(0);
    axis->setNumberFormat(QStringLiteral("gb"));
    axis->grid()->setPen(style.pen(style.grid, 0.35));
    axis->grid()->setSubGridVisible(false);
    axis->grid()->setZeroLinePen(Qt::NoPen);
}

void styleAxisRect(QCPAxisRect* rect, const PlotStyle& style)
{
    rect->setMinimumSize(0, 0);
    rect->setAutoMargins(QCP::msNone);
    rect->setMinimumMargins(QMargins());
    rect->setMargins(QMargins());
    rect->setupFullAxesBox(false);
    // In this order and not in that of rect->axes(), which differs from run to run and would decide what is drawn
    // first.
    for (const auto type : {QCPAxis::atLeft, QCPAxis::atRight, QCPAxis::atTop, QCPAxis::atBottom}) {
        QCPAxis* axis = rect->axis(type);
        axis->setLayer(QStringLiteral("axes")); // above the data; a new axis starts among it
        axis->grid()->setLayer(QStringLiteral("grid"));
        styleAxis(axis, style);
    }
    for (QCPAxis* axis : {rect->axis(QCPAxis::atTop), rect->axis(QCPAxis::atRight)}) {
        axis->setTicks(false);
        axis->setTickLabels(false);
    }
}

void styleMapRect(QCPAxisRect* rect, const PlotStyle& style)
{
    styleAxisRect(rect, style);
    for (QCPAxis* axis : rect->axes()) {
        axis->setBasePen(Qt::NoPen);
        axis->setOffset(static_cast<int>(std::ceil(frameWidth(style))));
        axis->grid()->setVisible(false);
        axis->setSubTicks(false);
    }
}

void drawFrame(QCPPainter* painter, const QRect& data, const PlotStyle& style)
{
    const double w = frameWidth(style);
    const QRectF rect(data), outer = rect.adjusted(-w, -w, w, w);
    painter->save();
    painter->setAntialiasing(false); // with it, QCustomPlot shifts everything by half a pixel
    painter->setPen(Qt::NoPen);
    painter->setBrush(style.axis);
    // Four filled strips: exact at every scale, where a pen would be rounded to pixels of its own.
    painter->drawRect(QRectF(outer.left(), outer.top(), outer.width(), w));
    painter->drawRect(QRectF(outer.left(), rect.bottom(), outer.width(), w));
    painter->drawRect(QRectF(outer.left(), outer.top(), w, outer.height()));
    painter->drawRect(QRectF(rect.right(), outer.top(), w, outer.height()));
    painter->restore();
}

} // namespace kvviz::plot
