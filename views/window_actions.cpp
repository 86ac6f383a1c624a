// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/window_actions.hpp"

#include <QAbstractButton>
#include <QAbstractItemView>
#include <QAbstractSlider>
#include <QApplication>
#include <QComboBox>
#include <QKeyEvent>
#include <QMainWindow>
#include <QMenu>
#include <QMenuBar>

#include <stdexcept>

namespace kvviz::views {

namespace {

bool belongsTo(const QWidget* focused, const QKeyEvent& key)
{
    if (!focused || (key.modifiers() & ~(Qt::KeypadModifier | Qt::ShiftModifier)))
        return false;
    const bool table = qobject_cast<const QAbstractItemView*>(focused) != nullptr;
    const bool box = qobject_cast<const QComboBox*>(focused) != nullptr;
    switch (key.key()) {
    case Qt::Key_Space: return table || box || qobject_cast<const QAbstractButton*>(focused);
    case Qt::Key_Home:
    case Qt::Key_End: return table || box || qobject_cast<const QAbstractSlider*>(focused);
    default: return false;
    }
}

} // namespace

WindowActions::WindowActions(QMainWindow* window) : QObject(window), m_window(window)
{
    window->installEventFilter(this);
}

bool WindowActions::eventFilter(QObject* watched, QEvent* event)
{
    if (event->type() == QEvent::ShortcutOverride
        && belongsTo(QApplication::focusWidget(), *static_cast<const QKeyEvent*>(event))) {
        event->accept();
        return true;
    }
    return QObject::eventFilter(watched, event);
}

QMenu* WindowActions::menu(const QString& title)
{
    for (QAction* action : m_window->menuBar()->actions())
        if (action->text() == title)
            return action->menu();
    return m_window->menuBar()->addMenu(title);
}

QAction* WindowActions::insert(const QString& menuTitle, const char* name, const QString& text,
                               const QList<QKeySequence>& keys, const QString& tip)
{
    auto* action = new QAction(text, this);
    if (!tip.isEmpty())
        action->setStatusTip(tip);
    put(menuTitle, name, action, keys);
    return action;
}

void WindowActions::put(const QString& menuTitle, const char* name, QAction* action, const QList<QKeySequence>& keys)
{
    for (const Entry& entry : m_entries) {
        if (entry.action->objectName() == QLatin1String(name))
            throw std::logic_error(std::string("two actions are called ") + name);
        for (const QKeySequence& key : keys)
            if (entry.action->shortcuts().contains(key))
                throw std::logic_error("two actions have the key " + key.toString().toStdString());
    }
    action->setObjectName(QLatin1String(name));
    action->setShortcuts(keys);
    menu(menuTitle)->addAction(action);
    m_window->addAction(action); // works with the menu bar hidden, too
    m_entries.push_back({menuTitle, action});
}

QAction* WindowActions::add(const QString& menuTitle, const char* name, const QString& text,
                            const QList<QKeySequence>& keys, const std::function<void()>& run, const QString& tip)
{
    QAction* action = insert(menuTitle, name, text, keys, tip);
    connect(action, &QAction::triggered, this, run);
    return action;
}

QAction* WindowActions::addToggle(const QString& menuTitle, const char* name, const QString& text,
                                  const QList<QKeySequence>& keys, const std::function<void(bool)>& run,
                                  const QString& tip)
{
    QAction* action = insert(menuTitle, name, text, keys, tip);
    action->setCheckable(true);
    connect(action, &QAction::toggled, this, run);
    return action;
}

void WindowActions::addSeparator(const QString& menuTitle) { menu(menuTitle)->addSeparator(); }

QAction* WindowActions::action(const char* name) const
{
    for (const Entry& entry : m_entries)
        if (entry.action->objectName() == QLatin1String(name))
            return entry.action;
    return nullptr;
}

QString WindowActions::sheet(const QStringList& menus) const
{
    QString html, menuTitle;
    for (const Entry& entry : m_entries) {
        if (!menus.isEmpty() && !menus.contains(entry.menu))
            continue;
        if (entry.menu != menuTitle) {
            html += (menuTitle.isEmpty() ? QString() : QStringLiteral("</table>"))
                    + QStringLiteral("<h3>%1</h3><table cellspacing='3'>").arg(QString(entry.menu).remove(QLatin1Char('&')));
            menuTitle = entry.menu;
        }
        QStringList keys;
        for (const QKeySequence& key : entry.action->shortcuts())
            keys.append(key.toString(QKeySequence::NativeText).toHtmlEscaped());
        const QString text = QString(entry.action->text()).remove(QLatin1Char('&')).toHtmlEscaped();
        html += QStringLiteral("<tr><td style='white-space: nowrap'><b>%1</b>&nbsp;</td><td>%2</td></tr>")
                    .arg(keys.join(QStringLiteral(" , ")), text);
    }
    return html + QStringLiteral("</table>");
}

} // namespace kvviz::views
