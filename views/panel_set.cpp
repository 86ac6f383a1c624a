// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/panel_set.hpp"

#include <QDockWidget>
#include <QMenu>
#include <QTabBar>
#include <QTimer>

#include <algorithm>
#include <stdexcept>

namespace kvviz::views {

bool inFront(const QDockWidget* dock)
{
    const QRect place = dock->geometry(); // Qt keeps panels behind others left of and above the window
    return dock->isVisible() && (dock->isFloating() || (place.right() >= 0 && place.bottom() >= 0));
}

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
    connect(dock, &QDockWidget::dockLocationChanged, this, &PanelSet::dressLater);
    connect(dock, &QDockWidget::topLevelChanged, this, &PanelSet::dressLater);
    connect(dock, &QDockWidget::visibilityChanged, this, &PanelSet::dressLater);
    m_panels.push_back({QLatin1String(id), dock});
    const QByteArray name = QByteArrayLiteral("panel_") + id;
    m_actions->add(tr("&Panels"), name.constData(), title, {key}, [this, panel = QString(QLatin1String(id))] {
        QDockWidget* target = this->dock(panel);
        if (inFront(target))
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

void PanelSet::dressLater()
{
    if (m_dressing)
        return;
    m_dressing = true;
    QTimer::singleShot(0, this, &PanelSet::dress);
}

/// A panel that is a tab has its title there; a bar below that says it again would only cost height.
void PanelSet::dress()
{
    m_dressing = false;
    for (auto* tabs : m_window->findChildren<QTabBar*>(QString(), Qt::FindDirectChildrenOnly))
        tabs->setElideMode(Qt::ElideNone); // else all names of many tabs are cut
    for (const Panel& panel : m_panels) {
        const auto others = m_window->tabifiedDockWidgets(panel.dock);
        const bool tab = !panel.dock->isFloating()
                         && std::any_of(others.begin(), others.end(), [](auto* other) { return !other->isHidden(); });
        if (tab == (panel.dock->titleBarWidget() != nullptr))
            continue;
        QWidget* before = panel.dock->titleBarWidget();
        panel.dock->setTitleBarWidget(tab ? new QWidget(panel.dock) : nullptr);
        delete before;
    }
}

QMenu* PanelSet::tabMenu(QPoint place)
{
    const auto* bar = qobject_cast<QTabBar*>(m_window->childAt(place));
    const int tab = bar ? bar->tabAt(bar->mapFrom(m_window, place)) : -1;
    if (tab < 0)
        return nullptr;
    for (const Panel& panel : m_panels) {
        if (panel.dock->windowTitle() != bar->tabText(tab))
            continue;
        auto* menu = new QMenu(m_window);
        menu->addAction(tr("&Take out"), panel.dock, [dock = panel.dock] { dock->setFloating(true); });
        menu->addAction(tr("&Close"), panel.dock, &QWidget::hide);
        return menu;
    }
    return nullptr;
}

void PanelSet::resetLayout() { m_window->restoreState(m_firstLayout); }

void PanelSet::clear()
{
    for (const Panel& panel : m_panels)
        delete panel.dock;
    m_panels.clear();
}

} // namespace kvviz::views
