// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/figure_view.hpp"

#include <QPainter>

namespace kvviz::views {

FigureView::FigureView(const ViewContext& context, const QString& name, const QString& empty, QWidget* parent)
    : View(context, parent), m_empty(empty)
{
    setAccessibleName(name);
    setMinimumSize(240, 180);
    connect(&m_task, &BackgroundTask::failed, this, [this] {
        m_figure.reset();
        draw();
    });
}

void FigureView::setBuild(Build build)
{
    if (!build) {
        m_task.run([this]() -> BackgroundTask::Finish {
            return [this] {
                m_figure.reset();
                draw();
            };
        });
        return;
    }
    m_task.run([this, build = std::move(build)]() -> BackgroundTask::Finish {
        plot::Figure figure = build();
        return [this, figure = std::move(figure)] {
            m_figure = figure;
            draw();
        };
    });
}

void FigureView::draw()
{
    m_picture = {};
    if (m_figure && width() > 20 && height() > 20) {
        plot::FigureScene scene(*m_figure, m_style, width(), height(), 2 * logicalDpiX());
        m_picture = QPixmap(size() * devicePixelRatioF());
        m_picture.setDevicePixelRatio(devicePixelRatioF());
        m_picture.fill(m_style.background);
        QCPPainter painter(&m_picture);
        painter.setRenderHint(QPainter::Antialiasing);
        scene.paint(&painter);
    }
    update();
}

void FigureView::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.fillRect(rect(), m_style.background);
    if (!m_picture.isNull()) {
        painter.drawPixmap(0, 0, m_picture);
        return;
    }
    painter.setPen(m_style.subtle);
    painter.setFont(m_style.font(1.0));
    painter.drawText(rect().adjusted(16, 16, -16, -16), Qt::AlignCenter | Qt::TextWordWrap, m_empty);
}

void FigureView::resizeEvent(QResizeEvent* event)
{
    View::resizeEvent(event);
    draw();
}

void FigureView::styleChanged() { draw(); }

} // namespace kvviz::views
