// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/matrix_canvas.hpp"

#include "views/scale_bar.hpp"

#include <QBuffer>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>

#include <algorithm>
#include <cmath>

namespace kvviz::views {

namespace {

constexpr double kEdgePt = 4, kWidestScalePt = 260;

/// Rich text with the picture above it.
QString withPicture(const QString& text, const QImage& picture)
{
    QByteArray png;
    QBuffer buffer(&png);
    buffer.open(QIODevice::WriteOnly);
    picture.save(&buffer, "PNG");
    return QStringLiteral("<img src=\"data:image/png;base64,%1\"><br>%2")
        .arg(QString::fromLatin1(png.toBase64()), text.toHtmlEscaped());
}

} // namespace

MatrixCanvas::MatrixCanvas(Describe describe, QWidget* parent) : QWidget(parent), m_describe(std::move(describe))
{
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
}

void MatrixCanvas::setFigure(const plot::MatrixFigure& figure, const plot::PlotStyle& style)
{
    plot::MatrixPanel panel = figure.panels.front();
    panel.markedRow = m_item.panel().markedRow;
    panel.markedColumn = m_item.panel().markedColumn;
    m_scale = figure.scale;
    m_style = style;
    m_item.setPanel(panel, m_scale, style);
    m_cursorRow = std::clamp(m_cursorRow, 0, std::max(0, m_item.rows() - 1));
    m_cursorColumn = std::clamp(m_cursorColumn, 0, std::max(0, m_item.columns() - 1));
    arrange();
}

void MatrixCanvas::mark(int row, int column)
{
    m_item.mark(row, column);
    if (row >= 0) {
        m_cursorRow = row;
        m_cursorColumn = std::max(0, column);
    }
    update();
}

void MatrixCanvas::arrange()
{
    const double edge = m_style.units(kEdgePt), bar = plot::scaleBarHeight(m_style);
    m_item.place(QRectF(edge, edge, width() - 2 * edge, height() - 3 * edge - bar));
    const QRectF cells = m_item.cellsRect();
    m_scaleRect = QRectF(edge, std::min(height() - edge - bar, cells.bottom() + edge + m_style.lineHeight(1.2)),
                         std::min(width() - 2 * edge, m_style.units(kWidestScalePt)), bar);
    m_backing = {};
    update();
}

void MatrixCanvas::drawBacking()
{
    const double ratio = devicePixelRatioF();
    m_backing = QPixmap(size() * ratio);
    m_backing.setDevicePixelRatio(ratio);
    m_backing.fill(m_style.background);
    QPainter painter(&m_backing);
    m_item.paint(painter);
    plot::paintScaleBar(painter, plot::scaleBarOf(m_scale), m_scaleRect, m_style);
}

void MatrixCanvas::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    if (m_item.rows() == 0 || m_item.columns() == 0) {
        painter.fillRect(rect(), m_style.background);
        return;
    }
    if (m_backing.isNull())
        drawBacking();
    painter.drawPixmap(0, 0, m_backing);
    m_item.paintMark(painter);
    const auto dashed = [&](QRectF cell) {
        painter.setPen(QPen(m_style.background, 3));
        painter.drawRect(cell);
        painter.setPen(QPen(m_style.text, 1, Qt::DashLine));
        painter.drawRect(cell);
    };
    if (m_under && m_under->x() >= 0)
        dashed(m_item.cellRect(m_under->y(), m_under->x()).adjusted(0, 0, -1, -1));
    else if (hasFocus())
        dashed(m_item.cellRect(m_cursorRow, m_cursorColumn).adjusted(0, 0, -1, -1));
}

void MatrixCanvas::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    arrange();
}

void MatrixCanvas::tell(int row, int column)
{
    const QString text = m_describe(row, column);
    setAccessibleDescription(text);
    const QImage picture = m_preview ? m_preview(row, column) : QImage();
    setToolTip(picture.isNull() ? text : withPicture(text, picture));
    Q_EMIT hovered(text);
}

void MatrixCanvas::mouseMoveEvent(QMouseEvent* event)
{
    const auto cell = m_item.cellAt(event->position());
    if (cell == m_under)
        return;
    m_under = cell;
    if (cell) {
        tell(cell->y(), cell->x());
    } else {
        setToolTip({});
        Q_EMIT hovered({});
    }
    update();
}

void MatrixCanvas::leaveEvent(QEvent* event)
{
    QWidget::leaveEvent(event);
    m_under.reset();
    Q_EMIT hovered({});
    update();
}

void MatrixCanvas::mousePressEvent(QMouseEvent* event)
{
    const auto cell = m_item.cellAt(event->position());
    if (event->button() != Qt::LeftButton || !cell)
        return;
    m_cursorRow = cell->y();
    m_cursorColumn = std::max(0, cell->x());
    Q_EMIT chosen(cell->y(), cell->x());
}

void MatrixCanvas::moveTo(int row, int column)
{
    m_cursorRow = std::clamp(row, 0, std::max(0, m_item.rows() - 1));
    m_cursorColumn = std::clamp(column, 0, std::max(0, m_item.columns() - 1));
    m_under.reset(); // the keyboard leads now
    tell(m_cursorRow, m_cursorColumn);
    update();
}

void MatrixCanvas::keyPressEvent(QKeyEvent* event)
{
    if (m_item.rows() == 0 || m_item.columns() == 0 || (event->modifiers() & ~Qt::KeypadModifier) != Qt::NoModifier) {
        QWidget::keyPressEvent(event);
        return;
    }
    switch (event->key()) {
    case Qt::Key_Left:
        moveTo(m_cursorRow, m_cursorColumn - 1);
        break;
    case Qt::Key_Right:
        moveTo(m_cursorRow, m_cursorColumn + 1);
        break;
    case Qt::Key_Up:
        moveTo(m_cursorRow - 1, m_cursorColumn);
        break;
    case Qt::Key_Down:
        moveTo(m_cursorRow + 1, m_cursorColumn);
        break;
    case Qt::Key_Home:
        moveTo(m_cursorRow, 0);
        break;
    case Qt::Key_End:
        moveTo(m_cursorRow, m_item.columns() - 1);
        break;
    case Qt::Key_PageUp:
        moveTo(0, m_cursorColumn);
        break;
    case Qt::Key_PageDown:
        moveTo(m_item.rows() - 1, m_cursorColumn);
        break;
    case Qt::Key_Return:
    case Qt::Key_Enter:
        Q_EMIT chosen(m_cursorRow, m_cursorColumn);
        break;
    default:
        QWidget::keyPressEvent(event);
    }
}

void MatrixCanvas::focusInEvent(QFocusEvent* event)
{
    QWidget::focusInEvent(event);
    if (m_item.rows() > 0 && m_item.columns() > 0)
        tell(m_cursorRow, m_cursorColumn);
    update();
}

void MatrixCanvas::focusOutEvent(QFocusEvent* event)
{
    QWidget::focusOutEvent(event);
    update();
}

} // namespace kvviz::views
