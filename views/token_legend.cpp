// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/token_legend.hpp"

#include <QLabel>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace kvviz::views {

namespace {

constexpr int kEdge = 8, kWidestBar = 280;

} // namespace

TokenLegend::TokenLegend(QWidget* parent) : QWidget(parent), m_sentence(new QLabel)
{
    m_sentence->setMinimumWidth(1);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(kEdge, 2, kEdge, 2);
    layout->addWidget(m_sentence);
}

void TokenLegend::setLegend(const QString& sentence, const std::optional<plot::ScaleBar>& bar,
                            const plot::PlotStyle& style)
{
    m_whole = sentence;
    m_bar = bar;
    if (m_bar)
        m_bar->label.clear(); // the sentence says it
    m_style = style;
    const int room = m_bar ? static_cast<int>(std::ceil(plot::scaleBarHeight(style, false))) : 0;
    layout()->setContentsMargins(kEdge, 2, kEdge, 2 + room);
    showSentence();
    update();
}

QString TokenLegend::sentence() const { return m_whole; }

/// The name of a scale is cut where it is too long, a whole sentence wrapped: in a low strip each line is one of text less.
void TokenLegend::showSentence()
{
    m_sentence->setWordWrap(!m_bar);
    m_sentence->setText(
        m_bar ? m_sentence->fontMetrics().elidedText(m_whole, Qt::ElideRight, width() - 2 * kEdge) : m_whole);
    m_sentence->setToolTip(m_whole);
    m_sentence->setAccessibleName(m_whole);
}

void TokenLegend::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    showSentence();
}

void TokenLegend::paintEvent(QPaintEvent*)
{
    if (!m_bar)
        return;
    QPainter painter(this);
    const double tall = plot::scaleBarHeight(m_style, false);
    plot::paintScaleBar(painter, *m_bar,
                        QRectF(kEdge, height() - tall - 2, std::min(kWidestBar, width() - 2 * kEdge), tall), m_style);
}

} // namespace kvviz::views
