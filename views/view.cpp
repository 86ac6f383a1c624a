// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/view.hpp"

#include <QEvent>

namespace kvviz::views {

namespace {

/// Drawings have the letters of the widgets around them, also when these grow.
plot::PlotStyle styleOf(const QWidget& widget)
{
    const QFont& font = widget.font();
    const double points = font.pointSizeF() > 0 ? font.pointSizeF() : font.pixelSize() * 72.0 / widget.logicalDpiX();
    return plot::PlotStyle::screen(widget.palette(), widget.logicalDpiX(), points);
}

} // namespace

View::View(const ViewContext& context, QWidget* parent)
    : QWidget(parent), m_context(context), m_style(styleOf(*this))
{
    connect(&m_task, &BackgroundTask::failed, this, &View::failed);
    connect(&m_task, &BackgroundTask::idle, this, &View::idle);
}

void View::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() != QEvent::PaletteChange && event->type() != QEvent::FontChange)
        return;
    m_style = styleOf(*this);
    styleChanged();
}

} // namespace kvviz::views
