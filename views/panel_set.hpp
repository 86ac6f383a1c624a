// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The dockable panels of the window: one a view, each with an action that shows and raises it, saved with the layout.
#pragma once

#include "views/view.hpp"
#include "views/window_actions.hpp"

#include <QMainWindow>

#include <vector>

class QDockWidget;
class QMenu;

namespace kvviz::views {

struct PanelPlace {
    Qt::DockWidgetArea area = Qt::RightDockWidgetArea;
    const char* tabbedWith = nullptr; ///< id of a panel added before, in whose place it is a tab
    bool shown = true;
};

/// Shown, and not as a tab behind another one. Its visible region would not say so: a plot may cover all of it.
[[nodiscard]] bool inFront(const QDockWidget* dock);

class PanelSet : public QObject {
    Q_OBJECT

public:
    PanelSet(QMainWindow* window, WindowActions* actions);

    /// `id`: of the dock in saved layouts; unique. The widget belongs to its dock then.
    QDockWidget* add(const char* id, const QString& title, QWidget* widget, const QKeySequence& key,
                     const PanelPlace& place);
    /// Shows a panel and brings it to the front; false if there is none of this id.
    bool raise(const QString& id);
    [[nodiscard]] QDockWidget* dock(const QString& id) const;
    [[nodiscard]] QStringList ids() const;
    /// As at the first start.
    void resetLayout();
    void rememberLayout() { m_firstLayout = m_window->saveState(); }
    /// Deletes the panels with their views.
    void clear();
    /// Of the panel whose tab is there: taken out, closed. Nothing where there is no tab.
    [[nodiscard]] QMenu* tabMenu(QPoint place);

private:
    void dressLater();
    void dress();

    struct Panel {
        QString id;
        QDockWidget* dock;
    };
    QMainWindow* m_window;
    WindowActions* m_actions;
    std::vector<Panel> m_panels;
    bool m_dressing = false;
    QByteArray m_firstLayout;
};

} // namespace kvviz::views
