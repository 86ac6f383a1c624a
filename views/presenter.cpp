// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/presenter.hpp"

#include <QAction>
#include <QApplication>
#include <QSignalBlocker>

#include <algorithm>

namespace kvviz::views {

namespace {

constexpr double kScales[] = {1.0, 1.5, 2.0};

} // namespace

Presenter::Presenter(QObject* parent) : QObject(parent), m_font(QApplication::font()), m_action(new QAction(this))
{
    m_action->setText(tr("&Presenter size: 1, 1.5, 2 times"));
    m_action->setToolTip(tr("Larger letters for an audience: 1, 1.5, 2 times"));
    m_action->setCheckable(true);
    connect(m_action, &QAction::triggered, this, &Presenter::step);
}

Presenter::~Presenter()
{
    const QSignalBlocker nobodyHears(this);
    setScale(1);
}

void Presenter::setScale(double scale)
{
    scale = std::clamp(scale, 0.5, 4.0);
    m_action->setChecked(scale > 1);
    if (scale == m_scale)
        return;
    m_scale = scale;
    QFont font = m_font;
    if (m_font.pointSizeF() > 0)
        font.setPointSizeF(m_font.pointSizeF() * m_scale);
    else
        font.setPixelSize(int(m_font.pixelSize() * m_scale));
    QApplication::setFont(font);
    QApplication::setFont(font, "QDockWidgetTitle"); // has a font of its own
    Q_EMIT scaleChanged(m_scale);
}

void Presenter::step()
{
    const auto* next =
        std::find_if(std::begin(kScales), std::end(kScales), [&](double s) { return s > m_scale + 0.01; });
    setScale(next == std::end(kScales) ? 1.0 : *next);
}

} // namespace kvviz::views
