// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/kept_item.hpp"

#include "views/map_item.hpp"
#include "views/text_block.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace kvviz::plot {

namespace {

constexpr double kSingleRowPt = 8;   // of a strip of one KV head
constexpr double kRowPt = 4;         // of several
constexpr double kLeastRowPt = 1.9;
constexpr double kTextScale = 0.85;
constexpr double kSwatchPt = 6;
constexpr double kHatchPt = 2.6; // between diagonals
constexpr std::pair<KeptShare, const char*> kLegend[] = {
    {KeptShare::all, "kept"}, {KeptShare::some, "some"}, {KeptShare::none, "evicted"}};

struct KeptColors {
    QRgb kept, some, ground, hatch;
};

KeptColors colorsOf(const PlotStyle& style)
{
    const QColor kept = style.dark ? QColor(0x7f, 0xd1, 0xc7) : QColor(0x0a, 0x5c, 0x55);
    const QColor ground = style.background;
    const auto between = [&](double share) {
        return qRgb(qRound(share * kept.red() + (1 - share) * ground.red()),
                    qRound(share * kept.green() + (1 - share) * ground.green()),
                    qRound(share * kept.blue() + (1 - share) * ground.blue()));
    };
    return {kept.rgb(), between(0.55), ground.rgb(), style.boundary.rgb()};
}

/// Pixels of one row of the strip, of columns that each show some keys.
void paintRow(QImage& image, int top, int height, const std::vector<KeptShare>& shares, const KeptColors& colors,
              int period)
{
    const int half = height >= 5 ? height / 2 : 0; // "some" is half as high where there is room for that
    for (int y = top; y < std::min(top + height, image.height()); ++y) {
        auto* line = reinterpret_cast<QRgb*>(image.scanLine(y));
        for (int x = 0; x < image.width(); ++x) {
            const KeptShare share = shares[static_cast<std::size_t>(x)];
            const bool hatched = (x + y) % period == 0;
            const QRgb empty = hatched ? colors.hatch : colors.ground;
            if (share == KeptShare::all)
                line[x] = colors.kept;
            else if (share == KeptShare::some)
                line[x] = y - top >= half ? (half > 0 ? colors.kept : colors.some) : empty;
            else if (share == KeptShare::none)
                line[x] = empty;
        }
    }
}

} // namespace

KeptItem::KeptItem(QCPAxisRect* rect) : QCPLayerable(rect->parentPlot(), QStringLiteral("main")), m_rect(rect) {}

void KeptItem::setMarks(const KeptMarks& marks, const PlotStyle& style)
{
    m_marks = marks;
    m_style = style;
}

double KeptItem::leastRow() const { return std::max(2.0, m_style.units(kLeastRowPt)); }

QString KeptItem::label(std::size_t shown) const
{
    const QString label = QString::fromStdString(m_marks.label);
    return shown >= m_marks.rows.size()
               ? label
               : label + QStringLiteral(" (first %1 of %2 KV heads)").arg(shown).arg(m_marks.rows.size());
}

double KeptItem::legendWidth() const
{
    double width = 0;
    for (const auto& [share, name] : kLegend)
        width += m_style.units(1.6 * kSwatchPt + 2.5 + 6) + m_style.textWidth(QString::fromLatin1(name), kTextScale);
    return width;
}

bool KeptItem::oneLine(double width) const
{
    // With room for what may have to be said of rows that were left out.
    const std::size_t shown = m_marks.rows.size() > 12 ? 12 : m_marks.rows.size();
    return legendWidth() + m_style.textWidth(label(shown), kTextScale) <= width;
}

double KeptItem::captionHeight(double width) const
{
    return (oneLine(width) ? 1 : 2) * m_style.lineHeight(kTextScale) + m_style.units(1.5);
}

double KeptItem::stripHeight(double room) const
{
    if (m_marks.rows.empty())
        return 0;
    const auto rows = static_cast<double>(m_marks.rows.size());
    const double wanted = rows > 1 ? rows * m_style.units(kRowPt) : m_style.units(kSingleRowPt);
    return std::max(leastRow(), std::min(wanted, room));
}

std::size_t KeptItem::shownRows() const
{
    const auto fit = static_cast<std::size_t>(m_rect->height() / leastRow() + 1e-6);
    return std::clamp<std::size_t>(fit, 1, std::max<std::size_t>(1, m_marks.rows.size()));
}

QRect KeptItem::clipRect() const { return mParentPlot->viewport(); }

void KeptItem::applyDefaultAntialiasingHint(QCPPainter* painter) const { painter->setAntialiasing(false); }

QImage KeptItem::render(QSize pixels) const
{
    QImage image(pixels, QImage::Format_RGB32);
    const KeptColors colors = colorsOf(m_style);
    image.fill(colors.ground);
    const QCPRange keys = m_rect->axis(QCPAxis::atBottom)->range();
    const double pixelsPerUnit = static_cast<double>(image.width()) / std::max(1, m_rect->width());
    const int period = std::max(3, static_cast<int>(std::lround(m_style.units(kHatchPt) * pixelsPerUnit)));
    const std::size_t rows = shownRows();
    for (std::size_t i = 0; i < rows; ++i) {
        const auto border = [&](std::size_t row) {
            return static_cast<int>(row * static_cast<std::size_t>(image.height()) / rows);
        };
        const int gap = rows > 1 && image.height() / static_cast<int>(rows) >= 4 ? 1 : 0;
        const std::vector<KeyState>& states = m_marks.rows[i].keys;
        paintRow(image, border(i), border(i + 1) - border(i) - gap,
                 keptShares(states.data(), static_cast<std::int64_t>(states.size()), keys.lower, keys.upper,
                            image.width()),
                 colors, period);
    }
    return image;
}

void KeptItem::draw(QCPPainter* painter)
{
    if (!m_rect || !m_rect->visible() || m_marks.rows.empty())
        return;
    drawPixelExact(painter, m_rect->rect(), m_pixelsPerUnit,
                   [this](QSizeF size) { return render(size.toSize().expandedTo(QSize(1, 1))); });
    drawFrame(painter, m_rect->rect(), m_style);
    painter->setAntialiasing(true);
    drawNames(painter);
    drawCaption(painter);
}

void KeptItem::drawNames(QCPPainter* painter) const
{
    const QRectF rect = m_rect->rect();
    const std::size_t rows = shownRows();
    const double height = rect.height() / static_cast<double>(rows);
    const double line = m_style.lineHeight(0.72);
    const auto each = static_cast<std::size_t>(std::max(1.0, std::ceil(line * 0.9 / height)));
    painter->setFont(m_style.font(0.72));
    painter->setPen(m_style.text);
    for (std::size_t i = 0; i < rows; i += each) {
        const double middle = rect.top() + (static_cast<double>(i) + 0.5) * height;
        painter->drawText(QRectF(rect.left() - m_style.units(60), middle - line / 2, m_style.units(57.5), line),
                          Qt::AlignRight | Qt::AlignVCenter | Qt::TextDontClip,
                          QString::fromStdString(m_marks.rows[i].name));
    }
}

void KeptItem::drawCaption(QCPPainter* painter) const
{
    const QRectF rect = m_rect->rect();
    const bool together = oneLine(rect.width());
    const double height = m_style.lineHeight(kTextScale), top = rect.top() - m_style.units(1.5) - height;
    drawLegend(painter, top);
    const double room = rect.width() - (together ? legendWidth() : 0);
    const QString text = label(shownRows());
    const double scale = fittingScale(text, room, kTextScale, m_style);
    painter->setFont(m_style.font(scale));
    painter->setPen(m_style.text);
    const QRectF place(rect.right() - room, together ? top : top - height, room, height);
    painter->drawText(place, (together ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter | Qt::TextDontClip,
                      elided(text, room, scale, m_style));
}

void KeptItem::drawLegend(QCPPainter* painter, double top) const
{
    const KeptColors colors = colorsOf(m_style);
    const double height = m_style.lineHeight(kTextScale), side = m_style.units(kSwatchPt);
    double x = m_rect->rect().left();
    painter->setFont(m_style.font(kTextScale));
    for (const auto& [share, name] : kLegend) {
        const QRect swatch = QRectF(x, top + (height - side) / 2, side * 1.6, side).toRect();
        drawPixelExact(painter, swatch, m_pixelsPerUnit, [&, kind = share](QSizeF size) {
            QImage image(size.toSize().expandedTo(QSize(1, 1)), QImage::Format_RGB32);
            image.fill(colors.ground);
            const double scale = image.width() / std::max(1.0, static_cast<double>(swatch.width()));
            paintRow(image, 0, image.height(),
                     std::vector<KeptShare>(static_cast<std::size_t>(image.width()), kind), colors,
                     std::max(3, static_cast<int>(std::lround(m_style.units(kHatchPt) * scale))));
            return image;
        });
        drawFrame(painter, swatch, m_style);
        x += side * 1.6 + m_style.units(2.5);
        const QString text = QString::fromLatin1(name);
        const double width = m_style.textWidth(text, kTextScale);
        painter->setPen(m_style.text);
        painter->drawText(QRectF(x, top, width + 2, height), Qt::AlignLeft | Qt::AlignVCenter | Qt::TextDontClip, text);
        x += width + m_style.units(6);
    }
}

QString KeptItem::readout(double y, std::int64_t key) const
{
    if (!m_rect || m_marks.rows.empty())
        return {};
    const QRectF rect = m_rect->rect();
    const auto rows = static_cast<double>(shownRows());
    const double at = std::clamp((y - rect.top()) / rect.height() * rows, 0.0, rows - 1);
    const KeptRow& row = m_marks.rows[static_cast<std::size_t>(at)];
    if (key < 0 || key >= static_cast<std::int64_t>(row.keys.size()))
        return {};
    const KeyState state = row.keys[static_cast<std::size_t>(key)];
    return QStringLiteral("%1: %2").arg(QString::fromStdString(row.name),
                                        state == KeyState::kept      ? QStringLiteral("kept")
                                        : state == KeyState::evicted ? QStringLiteral("evicted")
                                                                     : QStringLiteral("not in the cache yet"));
}

} // namespace kvviz::plot
