// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/figure_view.hpp"

#include <QApplication>
#include <QPainter>
#include <QScrollBar>
#include <QWheelEvent>

#include <algorithm>

namespace kvviz::views {

namespace {

constexpr double kMostSqueezed = 1.3; // of the height that a figure needs to the one it is given

} // namespace

FigureView::FigureView(const ViewContext& context, const QString& name, const QString& empty, QWidget* parent)
    : View(context, parent), m_empty(empty), m_scroll(new QScrollBar(Qt::Vertical, this))
{
    setAccessibleName(name);
    setMinimumSize(240, 180);
    m_scroll->setAccessibleName(tr("Scroll: %1").arg(name));
    m_scroll->setFocusPolicy(Qt::TabFocus);
    m_scroll->hide();
    connect(m_scroll, &QScrollBar::valueChanged, this, [this] { update(); });
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

/// The size to draw at: that of the view, or as high as the figure needs when it would be squeezed too much.
QSize FigureView::pictureSize() const
{
    const int narrow = width() - m_scroll->sizeHint().width();
    const plot::FigureScene natural(*m_figure, m_style, narrow, 0, logicalDpiX());
    const double needed = natural.size().height();
    return needed > kMostSqueezed * height() ? QSize(narrow, static_cast<int>(needed)) : size();
}

void FigureView::draw()
{
    m_picture = {};
    bool scrolls = false;
    if (m_figure && width() > 20 && height() > 20) {
        const QSize drawn = pictureSize();
        plot::FigureScene scene(*m_figure, m_style, drawn.width(), drawn.height(), 2 * logicalDpiX());
        m_picture = QPixmap(drawn * devicePixelRatioF());
        m_picture.setDevicePixelRatio(devicePixelRatioF());
        m_picture.fill(m_style.background);
        QCPPainter painter(&m_picture);
        painter.setRenderHint(QPainter::Antialiasing);
        scene.paint(&painter);
        scrolls = drawn.height() > height();
        m_scroll->setRange(0, std::max(0, drawn.height() - height()));
        m_scroll->setPageStep(height());
        m_scroll->setSingleStep(static_cast<int>(2 * m_style.lineHeight()));
        m_scroll->setGeometry(drawn.width(), 0, width() - drawn.width(), height());
    }
    m_scroll->setVisible(scrolls);
    update();
}

void FigureView::wheelEvent(QWheelEvent* event)
{
    if (!m_scroll->isVisible())
        return View::wheelEvent(event);
    QApplication::sendEvent(m_scroll, event);
    event->accept();
}

void FigureView::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.fillRect(rect(), m_style.background);
    if (!m_picture.isNull()) {
        painter.drawPixmap(0, m_scroll->isVisible() ? -m_scroll->value() : 0, m_picture);
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
