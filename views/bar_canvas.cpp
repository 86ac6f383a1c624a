// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/bar_canvas.hpp"

#include <QKeyEvent>
#include <QMouseEvent>

#include <algorithm>

namespace kvviz::views {

BarCanvas::BarCanvas(Describe describe, QWidget* parent) : QWidget(parent), m_describe(std::move(describe))
{
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
}

void BarCanvas::setPanel(const plot::BarPanel& panel, const plot::PlotStyle& style)
{
    m_style = style;
    m_item.setPanel(panel, style);
    m_cursor = std::clamp(m_cursor, 0, std::max(0, static_cast<int>(panel.categories.size()) - 1));
    arrange();
}

void BarCanvas::arrange()
{
    const double edge = m_style.units(4);
    m_item.place(QRectF(rect()).adjusted(edge, edge, -edge, -edge));
    update();
}

void BarCanvas::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    arrange();
}

void BarCanvas::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.fillRect(rect(), m_style.background);
    const int count = static_cast<int>(m_item.panel().categories.size());
    const int shown = m_under >= 0 ? m_under : hasFocus() ? m_cursor : -1;
    if (count > 0 && shown >= 0 && shown < count) {
        const QRectF plot = m_item.plotRect();
        const double slot = plot.width() / count;
        painter.fillRect(QRectF(plot.left() + shown * slot, plot.top(), slot, plot.height()), m_style.masked);
    }
    m_item.paint(painter);
}

void BarCanvas::moveTo(int category)
{
    m_cursor = std::clamp(category, 0, std::max(0, static_cast<int>(m_item.panel().categories.size()) - 1));
    m_under = -1; // the keyboard leads now
    const QString text = m_describe(m_cursor);
    setAccessibleDescription(text);
    Q_EMIT hovered(text);
    update();
}

void BarCanvas::mouseMoveEvent(QMouseEvent* event)
{
    const int category = m_item.categoryAt(event->position());
    if (category == m_under)
        return;
    m_under = category;
    const QString text = category < 0 ? QString() : m_describe(category);
    setToolTip(text);
    Q_EMIT hovered(text);
    update();
}

void BarCanvas::mousePressEvent(QMouseEvent* event)
{
    const int category = m_item.categoryAt(event->position());
    if (event->button() != Qt::LeftButton || category < 0)
        return;
    m_cursor = category;
    Q_EMIT chosen(category);
}

void BarCanvas::leaveEvent(QEvent* event)
{
    QWidget::leaveEvent(event);
    m_under = -1;
    Q_EMIT hovered({});
    update();
}

void BarCanvas::keyPressEvent(QKeyEvent* event)
{
    const int last = static_cast<int>(m_item.panel().categories.size()) - 1;
    if (last < 0 || (event->modifiers() & ~Qt::KeypadModifier) != Qt::NoModifier) {
        QWidget::keyPressEvent(event);
        return;
    }
    switch (event->key()) {
    case Qt::Key_Left:
        moveTo(m_cursor - 1);
        break;
    case Qt::Key_Right:
        moveTo(m_cursor + 1);
        break;
    case Qt::Key_Home:
        moveTo(0);
        break;
    case Qt::Key_End:
        moveTo(last);
        break;
    case Qt::Key_Return:
    case Qt::Key_Enter:
        Q_EMIT chosen(m_cursor);
        break;
    default:
        QWidget::keyPressEvent(event);
    }
}

void BarCanvas::focusInEvent(QFocusEvent* event)
{
    QWidget::focusInEvent(event);
    moveTo(m_cursor);
}

void BarCanvas::focusOutEvent(QFocusEvent* event)
{
    QWidget::focusOutEvent(event);
    update();
}

} // namespace kvviz::views
