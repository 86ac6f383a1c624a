// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Every action of the window in one table: menus, shortcuts and the sheet of keys are made from it, so none can be
// forgotten in one of them.
#pragma once

#include <QAction>
#include <QKeySequence>
#include <QObject>

#include <functional>
#include <vector>

class QMainWindow;
class QMenu;

namespace kvviz::views {

class WindowActions : public QObject {
    Q_OBJECT

public:
    explicit WindowActions(QMainWindow* window);

    /// `menu`: "&File", "&View", ...; menus appear in the order of their first action. `name` is the object name, unique.
    /// The first of the keys is shown; an action without keys has to be reached through its menu. A key of another
    /// action is a fault of the program: throws std::logic_error.
    QAction* add(const QString& menu, const char* name, const QString& text, const QList<QKeySequence>& keys,
                 const std::function<void()>& run, const QString& tip = {});
    /// A two-state action; `run` gets the new state.
    QAction* addToggle(const QString& menu, const char* name, const QString& text, const QList<QKeySequence>& keys,
                       const std::function<void(bool)>& run, const QString& tip = {});
    /// An action that belongs to somebody else.
    void put(const QString& menu, const char* name, QAction* action, const QList<QKeySequence>& keys);
    void addSeparator(const QString& menu);
    [[nodiscard]] QMenu* menu(const QString& title);
    [[nodiscard]] QAction* action(const char* name) const;

    struct Entry {
        QString menu;
        QAction* action;
    };
    [[nodiscard]] const std::vector<Entry>& entries() const { return m_entries; }
    /// Installed on the window and on every panel (which may stand alone): keys that press, open and move in the widget
    /// with the focus go to it, not to an action. Without this, Space would never reach a check box.
    bool eventFilter(QObject* watched, QEvent* event) override;
    /// The sheet of keys: a table of all actions by menu, as rich text; of these menus, or of all.
    [[nodiscard]] QString sheet(const QStringList& menus = {}) const;

private:
    QAction* insert(const QString& menu, const char* name, const QString& text, const QList<QKeySequence>& keys,
                    const QString& tip);

    QMainWindow* m_window;
    std::vector<Entry> m_entries;
};

} // namespace kvviz::views
