// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/panel_set.hpp"

#include <QDockWidget>

#include <stdexcept>

namespace kvviz::views {

PanelSet::PanelSet(QMainWindow* window, WindowActions* actions)
    : QObject(window), m_window(window), m_actions(actions)
{
    window->setDockOptions(QMainWindow::AllowTabbedDocks | QMainWindow::AllowNestedDocks | QMainWindow::AnimatedDocks);
    window->setTabPosition(Qt::AllDockWidgetAreas, QTabWidget::North);
}

QDockWidget* PanelSet::dock(const QString& id) const
{
    for (const Panel& panel : m_panels)
        if (panel.id == id)
            return panel.dock;
    return nullptr;
}

QStringList PanelSet::ids() const
{
    QStringList ids;
    for (const Panel& panel : m_panels)
        ids.append(panel.id);
    return ids;
}

QDockWidget* PanelSet::add(const char* id, const QString& title, QWidget* widget, const QKeySequence& key,
                           const PanelPlace& place)
{
    if (dock(QLatin1String(id)))
        throw std::logic_error(std::string("two panels are called ") + id);
    auto* dock = new QDockWidget(title, m_window);
    dock->setObjectName(QLatin1String(id));
    dock->setWidget(widget);
    dock->installEventFilter(m_actions);
    m_window->addDockWidget(place.area, dock);
    if (place.tabbedWith)
        m_window->tabifyDockWidget(this->dock(QLatin1String(place.tabbedWith)), dock);
    dock->setVisible(place.shown);
    m_panels.push_back({QLatin1String(id), dock});
    const QByteArray name = QByteArrayLiteral("panel_") + id;
    m_actions->add(tr("&Panels"), name.constData(), title, {key}, [this, panel = QString(QLatin1String(id))] {
        QDockWidget* target = this->dock(panel);
        const bool inFront = target->isVisible() && !target->visibleRegion().isEmpty();
        if (inFront)
            target->hide();
        else
            raise(panel);
    });
    return dock;
}

bool PanelSet::raise(const QString& id)
{
    QDockWidget* panel = dock(id);
    if (!panel)
        return false;
    panel->show();
    panel->raise();
    panel->widget()->setFocus(Qt::ShortcutFocusReason);
    return true;
}

void PanelSet::resetLayout() { m_window->restoreState(m_firstLayout); }

void PanelSet::clear()
{
    for (const Panel& panel : m_panels)
        delete panel.dock;
    m_panels.clear();
}

} // namespace kvviz::views
