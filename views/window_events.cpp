// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What the window does when something happens to it: files are dropped, its size or its font changes, Tab is pressed, it is
// closed.
#include "views/main_window.hpp"
#include "views/run_panel.hpp"
#include "views/selection_bar.hpp"

#include <QContextMenuEvent>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QMenu>
#include <QMimeData>
#include <QTimer>

namespace kvviz::views {

void MainWindow::dragEnterEvent(QDragEnterEvent* event)
{
    if (event->mimeData()->hasUrls())
        event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event)
{
    std::vector<std::filesystem::path> paths;
    for (const QUrl& url : event->mimeData()->urls())
        if (url.isLocalFile())
            paths.emplace_back(url.toLocalFile().toStdString());
    event->acceptProposedAction();
    if (paths.empty())
        m_messages->add(tr("What was dropped is no file of this machine; drop captures (*.kvh5), folders, results or "
                           "sessions."));
    else
        open(paths);
}

/// The bars stand side by side where both fit.
void MainWindow::fitBars()
{
    if (!m_bar)
        return;
    QToolBar* looks = m_bar->looks();
    const bool below = m_bar->sizeHint().width() + looks->sizeHint().width() > width();
    if (below == toolBarBreak(looks))
        return;
    if (below)
        insertToolBarBreak(looks);
    else
        removeToolBarBreak(looks);
}

void MainWindow::resizeEvent(QResizeEvent* event)
{
    QMainWindow::resizeEvent(event);
    fitBars();
    if (m_panels && !m_ownLayout)
        sizePanels();
}

bool MainWindow::event(QEvent* event)
{
    if (event->type() == QEvent::MouseButtonPress)
        m_ownLayout = true; // what is of the window itself to be pressed are the borders between panels
    return QMainWindow::event(event);
}

void MainWindow::changeEvent(QEvent* event)
{
    QMainWindow::changeEvent(event);
    if (event->type() == QEvent::FontChange) // the boxes hear of it next, and are larger then
        QTimer::singleShot(0, this, [this] {
            fitBars();
            if (!m_ownLayout)
                sizePanels();
        });
}

/// Tab does not go into panels that are behind others; to Qt they are visible.
bool MainWindow::focusNextPrevChild(bool next)
{
    const auto behind = [](const QWidget* widget) {
        while (widget && !qobject_cast<const QDockWidget*>(widget))
            widget = widget->parentWidget();
        const auto* dock = qobject_cast<const QDockWidget*>(widget);
        return dock && !inFront(dock);
    };
    const QWidget* first = nullptr;
    while (QMainWindow::focusNextPrevChild(next)) {
        if (!behind(focusWidget()))
            return true;
        if (focusWidget() == first)
            return true; // all of them are
        if (!first)
            first = focusWidget();
    }
    return false;
}

void MainWindow::contextMenuEvent(QContextMenuEvent* event)
{
    QMenu* menu = m_panels->tabMenu(event->pos());
    if (!menu)
        return QMainWindow::contextMenuEvent(event);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    menu->popup(event->globalPos());
}

void MainWindow::closeEvent(QCloseEvent* event)
{
    if (m_run && m_run->running() && !m_closeAsked) {
        m_closeAsked = true;
        m_messages->add(tr("A run is going on and ends with the window; what it has finished is kept. Close again to stop "
                           "it, or wait for its end."));
        event->ignore();
        return;
    }
    PanelSettings settings = panelSettings();
    settings["captures"].erase("filter"); // would hide other captures at the next start
    settings["tour"].erase("step");
    for (auto& [panel, values] : settings)
        values.erase("held"); // indices of the captures of now
    m_settings.setLayout(saveGeometry(), saveState());
    m_settings.setPanels(settings);
    QMainWindow::closeEvent(event);
}

} // namespace kvviz::views
