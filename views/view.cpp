// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/view.hpp"

#include <QEvent>

namespace kvviz::views {

View::View(const ViewContext& context, QWidget* parent)
    : QWidget(parent), m_context(context), m_style(plot::PlotStyle::screen(palette(), logicalDpiX()))
{
    connect(&m_task, &BackgroundTask::failed, this, &View::failed);
    connect(&m_task, &BackgroundTask::idle, this, &View::idle);
}

void View::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() != QEvent::PaletteChange && event->type() != QEvent::FontChange)
        return;
    m_style = plot::PlotStyle::screen(palette(), logicalDpiX());
    styleChanged();
}

} // namespace kvviz::views
