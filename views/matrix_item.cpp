// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/matrix_item.hpp"

#include "views/map_image.hpp"
#include "views/scale_bar.hpp"
#include "views/text_block.hpp"

#include <algorithm>
#include <cmath>

namespace kvviz::plot {

namespace {

constexpr double kLabelScale = 0.85, kNumberScale = 0.8;
constexpr double kGroupGapPt = 3.5, kPaddingPt = 2.5, kMeanGapPt = 4;
constexpr double kWidestPt = 64, kTallestPt = 34; // cells
constexpr double kPleasantPt = 9;                 // height of a cell where there is room for all
const QString kMean = QStringLiteral("mean");

QString numberText(double value, int decimals) { return QString::number(value, 'f', decimals); }

double widest(const std::vector<std::string>& texts, double scale, const PlotStyle& style)
{
    double width = 0;
    for (const std::string& text : texts)
        width = std::max(width, style.textWidth(QString::fromStdString(text), scale));
    return width;
}

/// 1, 2, 5, 10, ...: every how many labels there is room for.
int labelStep(double needed, double available)
{
    for (int decade = 1;; decade *= 10)
        for (const int step : {1, 2, 5})
            if (step * decade * available >= needed || decade > 100'000)
                return step * decade;
}

/// Whole units on a screen, so that cells are sharp; fine enough elsewhere.
double cellStep(double size) { return size >= 3 ? std::floor(size) : size; }

} // namespace

void MatrixItem::setPanel(const MatrixPanel& panel, const ColorScale& scale, const PlotStyle& style)
{
    m_panel = panel;
    m_scale = scale;
    m_style = style;
}

void MatrixItem::mark(int row, int column)
{
    m_panel.markedRow = row;
    m_panel.markedColumn = column;
}

double MatrixItem::gap() const { return m_panel.groups.size() > 1 ? std::round(m_style.units(kGroupGapPt)) : 0.0; }

int MatrixItem::gapsBefore(int column) const
{
    int gaps = 0;
    for (int c = 1; c <= column && c < std::ssize(m_panel.groupOf); ++c)
        gaps += m_panel.groupOf[static_cast<std::size_t>(c)] != m_panel.groupOf[static_cast<std::size_t>(c - 1)];
    return gaps;
}

int MatrixItem::gaps() const { return gapsBefore(columns() - 1); }

MatrixItem::Margins MatrixItem::margins() const
{
    const double line = m_style.lineHeight(kLabelScale), padding = m_style.units(kPaddingPt);
    Margins margins;
    margins.left = line + padding + widest(m_panel.rows, kLabelScale, m_style) + padding;
    if (!m_panel.columnMeans.empty())
        margins.left = std::max(margins.left, m_style.textWidth(kMean, kLabelScale) + 2 * padding);
    const bool titled = !m_panel.title.empty() || !m_panel.letter.empty();
    margins.top = (titled ? m_style.lineHeight() + padding : 0.0) + 2 * line + padding
                  + (m_panel.groups.empty() ? 0.0 : line + 2 * padding);
    const double number = m_style.textWidth(numberText(0.0, m_panel.decimals), kLabelScale);
    if (!m_panel.rowMeans.empty())
        margins.right = m_style.units(kMeanGapPt) + std::max(number, m_style.textWidth(kMean, kLabelScale)) + padding;
    if (!m_panel.columnMeans.empty())
        margins.bottom = m_style.units(kMeanGapPt) + line + padding;
    return margins;
}

void MatrixItem::place(const QRectF& rect)
{
    const Margins m = margins();
    const double width = std::max(1.0, rect.width() - m.left - m.right - gaps() * gap());
    const double height = std::max(1.0, rect.height() - m.top - m.bottom);
    const double tallest = m_panel.tiles.empty() ? m_style.units(kTallestPt) : m_style.units(kWidestPt);
    m_cellWidth = cellStep(std::min(m_style.units(kWidestPt), width / std::max(1, columns())));
    m_cellHeight = cellStep(std::min(tallest, height / std::max(1, rows())));
    m_origin = QPointF(std::round(rect.left() + m.left), std::round(rect.top() + m.top));
    m_left.clear();
    for (int column = 0; column < columns(); ++column)
        m_left.push_back(column * m_cellWidth + gapsBefore(column) * gap());
    m_numbersFit = m_panel.numbers && m_style.lineHeight(kNumberScale) <= m_cellHeight;
    for (const double value : m_panel.values)
        if (m_numbersFit && std::isfinite(value))
            m_numbersFit = m_style.textWidth(numberText(value, m_panel.decimals), kNumberScale) + 2 <= m_cellWidth;
}

double MatrixItem::heightForWidth(double width) const
{
    const Margins m = margins();
    const double cell = (width - m.left - m.right - gaps() * gap()) / std::max(1, columns());
    const double height = m_panel.tiles.empty() ? std::min(m_style.units(kPleasantPt), std::max(1.0, cell))
                                                : std::min(cell, m_style.units(kWidestPt));
    return m.top + m.bottom + std::ceil(height) * rows();
}

QRectF MatrixItem::cellsRect() const
{
    const double right = m_left.empty() ? 0.0 : m_left.back() + m_cellWidth;
    return {m_origin, QSizeF(right, rows() * m_cellHeight)};
}

QRectF MatrixItem::cellRect(int row, int column) const
{
    return {m_origin.x() + m_left.at(static_cast<std::size_t>(column)), m_origin.y() + row * m_cellHeight, m_cellWidth,
            m_cellHeight};
}

std::optional<QPoint> MatrixItem::cellAt(QPointF position) const
{
    const QPointF inside = position - m_origin;
    if (m_cellHeight <= 0 || inside.y() < 0)
        return std::nullopt;
    const int row = static_cast<int>(inside.y() / m_cellHeight);
    if (row >= rows())
        return std::nullopt;
    if (inside.x() < 0)
        return inside.x() > -margins().left ? std::optional(QPoint(-1, row)) : std::nullopt;
    for (int column = 0; column < columns(); ++column)
        if (const double left = m_left[static_cast<std::size_t>(column)];
            inside.x() >= left && inside.x() < left + m_cellWidth)
            return QPoint(column, row);
    return std::nullopt;
}

double MatrixItem::value(int row, int column) const
{
    return m_panel.values.at(static_cast<std::size_t>(row * columns() + column));
}

QColor MatrixItem::cellColor(double value) const
{
    return std::isnan(value) ? m_style.masked : scaleColor(value, m_scale);
}

void MatrixItem::paint(QPainter& painter) const
{
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing, true);
    const double line = m_style.lineHeight(), titleTop = m_origin.y() - margins().top;
    double left = m_origin.x();
    painter.setPen(m_style.text);
    if (!m_panel.letter.empty()) {
        const QString letter = QStringLiteral("(%1) ").arg(QString::fromStdString(m_panel.letter));
        painter.setFont(m_style.font(1.0, true));
        painter.drawText(QRectF(left, titleTop, 1, line), Qt::AlignLeft | Qt::AlignVCenter | Qt::TextDontClip, letter);
        left += m_style.textWidth(letter, 1.0, true);
    }
    painter.setFont(m_style.font());
    if (!m_panel.title.empty())
        painter.drawText(QRectF(left, titleTop, 1, line), Qt::AlignLeft | Qt::AlignVCenter | Qt::TextDontClip,
                         QString::fromStdString(m_panel.title));
    paintCells(painter);
    paintRows(painter);
    paintColumns(painter);
    paintMeans(painter);
    painter.restore();
}

void MatrixItem::paintCells(QPainter& painter) const
{
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing, false);
    const double seam = m_cellWidth >= 5 && m_cellHeight >= 5 ? 1.0 : 0.0;
    for (int row = 0; row < rows(); ++row)
        for (int column = 0; column < columns(); ++column) {
            const QRectF cell = cellRect(row, column).adjusted(0, 0, -seam, -seam);
            const auto index = static_cast<std::size_t>(row * columns() + column);
            if (index < m_panel.tiles.size() && m_panel.tiles[index].rows > 0) {
                paintTile(painter, cell, m_panel.tiles[index]);
                continue;
            }
            const QColor color = cellColor(m_panel.values[index]);
            painter.fillRect(cell, color);
            if (m_numbersFit && std::isfinite(m_panel.values[index]))
                paintNumber(painter, cell, m_panel.values[index], color);
        }
    painter.restore();
}

void MatrixItem::paintTile(QPainter& painter, const QRectF& cell, const io::MapTile& tile) const
{
    const PixelGrid grid{tile.keyBegin,
                         tile.keyEnd,
                         tile.queryBegin,
                         tile.queryEnd,
                         std::max(1, qRound(cell.width())),
                         std::max(1, qRound(cell.height()))};
    painter.drawImage(cell, colorImage(resampleTile(tile, io::Pooling::max, grid), grid.columns, grid.rows, m_scale,
                                       m_style.masked.rgb()));
}

void MatrixItem::paintNumber(QPainter& painter, const QRectF& cell, double value, const QColor& color) const
{
    painter.setFont(m_style.font(kNumberScale));
    painter.setPen(textOn(color));
    painter.drawText(cell, Qt::AlignCenter | Qt::TextDontClip, numberText(value, m_panel.decimals));
}

void MatrixItem::paintRows(QPainter& painter) const
{
    const QRectF cells = cellsRect();
    const double line = m_style.lineHeight(kLabelScale), padding = m_style.units(kPaddingPt);
    const int step = labelStep(line, m_cellHeight);
    painter.setFont(m_style.font(kLabelScale));
    painter.setPen(m_style.text);
    for (int row = 0; row < rows(); row += step) {
        const double middle = cells.top() + (row + 0.5) * m_cellHeight;
        painter.drawText(QRectF(cells.left() - padding - 400, middle - line / 2, 400, line),
                         Qt::AlignRight | Qt::AlignVCenter,
                         QString::fromStdString(m_panel.rows[static_cast<std::size_t>(row)]));
    }
    painter.save();
    painter.translate(cells.left() - margins().left + line / 2, cells.center().y());
    painter.rotate(-90);
    painter.drawText(QRectF(-200, -line / 2, 400, line), Qt::AlignCenter, QString::fromStdString(m_panel.rowLabel));
    painter.restore();
}

void MatrixItem::paintColumns(QPainter& painter) const
{
    const QRectF cells = cellsRect();
    const double line = m_style.lineHeight(kLabelScale), padding = m_style.units(kPaddingPt);
    const double width = widest(m_panel.columns, kLabelScale, m_style) + m_style.units(2);
    const int step = labelStep(width, m_cellWidth);
    double top = cells.top() - padding - line;
    painter.setFont(m_style.font(kLabelScale));
    painter.setPen(m_style.text);
    for (int column = 0; column < columns(); column += step) {
        const QRectF cell = cellRect(0, column);
        painter.drawText(QRectF(cell.center().x() - width, top, 2 * width, line), Qt::AlignHCenter | Qt::AlignBottom,
                         QString::fromStdString(m_panel.columns[static_cast<std::size_t>(column)]));
    }
    if (!m_panel.groups.empty())
        top = paintGroups(painter, top - padding);
    const QString label = QString::fromStdString(
        m_panel.groupLabel.empty() ? m_panel.columnLabel : m_panel.groupLabel + ", " + m_panel.columnLabel);
    painter.drawText(QRectF(cells.left(), top - line, std::max(cells.width(), 1.0), line),
                     Qt::AlignLeft | Qt::AlignVCenter | Qt::TextDontClip, label);
}

/// Names and rules of the groups above `bottom`; returns the upper end.
double MatrixItem::paintGroups(QPainter& painter, double bottom) const
{
    const double line = m_style.lineHeight(kLabelScale), padding = m_style.units(kPaddingPt);
    for (int first = 0; first < columns();) {
        int last = first;
        while (last + 1 < columns() && gapsBefore(last + 1) == gapsBefore(first))
            ++last;
        const double left = cellRect(0, first).left(), right = cellRect(0, last).right() - 1;
        const auto group = static_cast<std::size_t>(m_panel.groupOf[static_cast<std::size_t>(first)]);
        painter.setPen(m_style.pen(m_style.axis, 0.6));
        painter.drawLine(QPointF(left, bottom + padding / 2), QPointF(right, bottom + padding / 2));
        painter.setPen(m_style.text);
        painter.drawText(QRectF(left, bottom - line, right - left, line), Qt::AlignCenter,
                         elided(QString::fromStdString(m_panel.groups[group]), right - left, kLabelScale, m_style));
        first = last + 1;
    }
    return bottom - line - padding;
}

void MatrixItem::paintMeans(QPainter& painter) const
{
    const QRectF cells = cellsRect();
    const double line = m_style.lineHeight(kLabelScale), gap = m_style.units(kMeanGapPt);
    painter.setFont(m_style.font(kLabelScale));
    painter.setPen(m_style.subtle);
    const auto text = [&](double value) { return std::isnan(value) ? QString() : numberText(value, m_panel.decimals); };
    const int step = labelStep(line, m_cellHeight);
    if (!m_panel.rowMeans.empty())
        painter.drawText(QRectF(cells.right() + gap, cells.top() - line - m_style.units(kPaddingPt), 1, line),
                         Qt::AlignLeft | Qt::AlignBottom | Qt::TextDontClip, kMean);
    for (int row = 0; row < std::ssize(m_panel.rowMeans); row += step)
        painter.drawText(QRectF(cells.right() + gap, cells.top() + (row + 0.5) * m_cellHeight - line / 2, 1, line),
                         Qt::AlignLeft | Qt::AlignVCenter | Qt::TextDontClip,
                         text(m_panel.rowMeans[static_cast<std::size_t>(row)]));
    if (m_panel.columnMeans.empty())
        return;
    const QString widestMean =
        numberText(*std::max_element(m_panel.columnMeans.begin(), m_panel.columnMeans.end()), m_panel.decimals);
    const double width = m_style.textWidth(widestMean, kLabelScale) + m_style.units(2);
    const int columnStep = labelStep(width, m_cellWidth);
    painter.drawText(QRectF(cells.left() - m_style.units(kPaddingPt) - 400, cells.bottom() + gap, 400, line),
                     Qt::AlignRight | Qt::AlignVCenter, kMean);
    for (int column = 0; column < std::ssize(m_panel.columnMeans); column += columnStep)
        painter.drawText(QRectF(cellRect(0, column).center().x() - width, cells.bottom() + gap, 2 * width, line),
                         Qt::AlignCenter, text(m_panel.columnMeans[static_cast<std::size_t>(column)]));
}

void MatrixItem::paintMark(QPainter& painter) const
{
    if (m_panel.markedRow < 0 || m_panel.markedRow >= rows() || m_panel.markedColumn >= columns())
        return;
    const QRectF first = cellRect(m_panel.markedRow, std::max(0, m_panel.markedColumn));
    const QRectF last = cellRect(m_panel.markedRow, m_panel.markedColumn < 0 ? columns() - 1 : m_panel.markedColumn);
    const double inner = std::max(1.0, std::round(m_style.units(1)));
    const QRectF frame = first.united(last).adjusted(-1, -1, 0, 0);
    painter.save();
    painter.setBrush(Qt::NoBrush);
    // Two lines, one light and one dark: seen on every colour.
    QPen outer(m_style.sink, inner);
    outer.setJoinStyle(Qt::MiterJoin);
    painter.setPen(outer);
    painter.drawRect(frame.adjusted(-inner / 2, -inner / 2, inner / 2, inner / 2));
    QPen contrast(m_style.background, inner);
    contrast.setJoinStyle(Qt::MiterJoin);
    painter.setPen(contrast);
    painter.drawRect(frame.adjusted(inner / 2, inner / 2, -inner / 2, -inner / 2));
    painter.restore();
}

} // namespace kvviz::plot
