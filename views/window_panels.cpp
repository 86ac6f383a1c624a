// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The panels of the window: which there are, where they stand at first, and how each reaches the others - through the
// window, never by itself.
#include "views/budget_map.hpp"
#include "views/capture_browser.hpp"
#include "views/curve_view.hpp"
#include "views/decode_timeline.hpp"
#include "views/demo_captures.hpp"
#include "views/export_panel.hpp"
#include "views/figure_view.hpp"
#include "views/head_grid.hpp"
#include "views/linked_selection.hpp"
#include "views/main_window.hpp"
#include "views/map_view.hpp"
#include "views/method_panel.hpp"
#include "views/method_table.hpp"
#include "views/ratio_curves.hpp"
#include "views/run_panel.hpp"
#include "views/shot_bars.hpp"
#include "views/token_strip.hpp"
#include "views/tour_panel.hpp"

#include "core/error.hpp"

#include <QApplication>
#include <QDockWidget>

#include <algorithm>

namespace kvviz::views {

namespace {

/// What a session holds of a panel: nothing while it is linked.
QString heldText(const LinkedSelection& selection)
{
    return selection.linked() ? QString() : QString::fromStdString(selectionText(selection.state()));
}

void setHeld(LinkedSelection& selection, const QString& text)
{
    if (text.isEmpty()) {
        selection.setLinked(true);
        return;
    }
    try {
        selection.hold(parseSelection(text.toStdString()));
    } catch (const core::Error&) { // of another version: the panel follows the window
        selection.setLinked(true);
    }
}

/// A share of the window, not less and not more than so many pixels.
int part(int whole, double share, int least, int most)
{
    return std::clamp(static_cast<int>(share * whole), least, most);
}

} // namespace

QDockWidget* MainWindow::addPanel(const char* id, const QString& title, View* view, const char* key,
                                  const PanelPlace& place)
{
    view->setWindowTitle(title);
    keepSettings(id, view->settings());
    QDockWidget* dock = m_panels->add(id, title, addView(view), QKeySequence(QLatin1String(key)), place);
    const auto link = m_links.find(QLatin1String(id));
    if (link == m_links.end())
        return dock;
    LinkedSelection* selection = link->second;
    connect(selection, &LinkedSelection::linkedChanged, dock, [dock, title](bool linked) {
        dock->setWindowTitle(linked ? title : tr("%1 (held)").arg(title));
    });
    view->settings().add("held", [selection] { return heldText(*selection); },
                         [selection](const QString& text) { setHeld(*selection, text); });
    return dock;
}

ViewContext MainWindow::holdable(const ViewContext& context, const char* id)
{
    ViewContext own = context;
    auto* selection = new LinkedSelection(context.selection, this);
    m_links[QLatin1String(id)] = selection;
    own.selection = selection;
    return own;
}

void MainWindow::holdPanel()
{
    for (const auto& [id, selection] : m_links)
        if (m_panels->dock(id)->isAncestorOf(QApplication::focusWidget())) {
            selection->setLinked(!selection->linked());
            return;
        }
    QStringList titles;
    for (const auto& [id, selection] : m_links)
        titles.append(m_panels->dock(id)->windowTitle());
    m_messages->add(tr("Only a panel that has the keyboard focus is held: go to one of %1 first.")
                        .arg(titles.join(QStringLiteral(", "))));
}

void MainWindow::releasePanels()
{
    for (const auto& [id, selection] : m_links)
        selection->setLinked(true);
}

void MainWindow::buildPanels(const ViewContext& context)
{
    // The columns at the sides reach down to the bottom: what stands in them needs height, the strip below width.
    setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);
    setCorner(Qt::BottomLeftCorner, Qt::LeftDockWidgetArea);
    m_browser = new CaptureBrowser(context);
    addPanel("captures", tr("Captures"), m_browser, "Ctrl+1", {Qt::LeftDockWidgetArea, nullptr, m_captures->size() > 1});
    buildMethodPanels(context);
    buildPromptPanels(context);
    buildResultPanels(context);
    m_panels->dock(QStringLiteral("curves"))->raise();
    m_panels->dock(QStringLiteral("tokens"))->raise();
    sizePanels();
}

void MainWindow::sizePanels()
{
    const auto dock = [this](const char* id) { return m_panels->dock(QLatin1String(id)); };
    if (!dock("curves"))
        return; // being built or taken down
    resizeDocks({dock("captures"), dock("curves")}, {part(width(), 0.205, 262, 360), part(width(), 0.33, 400, 620)},
                Qt::Horizontal);
    const int method = part(height(), 0.38, 250, 400);
    resizeDocks({dock("tokens")}, {part(height(), 0.27, 200, 320)}, Qt::Vertical);
    resizeDocks({dock("method"), dock("curves")}, {method, height() - method}, Qt::Vertical);
}

void MainWindow::buildMethodPanels(const ViewContext& context)
{
    addPanel("method", tr("Method"), new MethodPanel(context), "Ctrl+4", {Qt::RightDockWidgetArea});
    m_curve = new CurveView(holdable(context, "curves"));
    addPanel("curves", tr("Cumulative"), m_curve, "Ctrl+3", {Qt::RightDockWidgetArea});
    addPanel("ratios", tr("Ratios"), new RatioCurves(context), "Ctrl+6", {Qt::RightDockWidgetArea, "curves"});
    addPanel("shots", tr("Shots"), new ShotBars(context), "Ctrl+8", {Qt::RightDockWidgetArea, "curves"});
    addPanel("heads", tr("Heads"), new HeadGrid(holdable(context, "heads")), "Ctrl+2", {Qt::RightDockWidgetArea, "curves"});
    addPanel("budgets", tr("Budgets"), new BudgetMap(context), "Alt+1", {Qt::RightDockWidgetArea, "curves"});
}

void MainWindow::buildPromptPanels(const ViewContext& context)
{
    m_tokens = new TokenStrip(holdable(context, "tokens"));
    m_decode = new DecodeTimeline(holdable(context, "decode"));
    addPanel("tokens", tr("Tokens"), m_tokens, "Ctrl+7", {Qt::BottomDockWidgetArea});
    addPanel("methods", tr("Methods"), new MethodTable(context), "Ctrl+5", {Qt::BottomDockWidgetArea, "tokens"});
    addPanel("decode", tr("Decode steps"), m_decode, "Ctrl+9", {Qt::BottomDockWidgetArea, "tokens"});
}

void MainWindow::buildResultPanels(const ViewContext& context)
{
    m_accuracy = new FigureView(context, tr("Accuracy"),
                                tr("Open results of 'kvviz eval' (*.kvres.h5) to see what compression costs."));
    m_replays = new FigureView(context, tr("Replayed methods"),
                               tr("Open results of 'kvviz replay' (*.kvres.h5) to compare methods over prompts."));
    m_predicted = new FigureView(context, tr("Predicted against measured"),
                                 tr("Open a check of 'kvviz calibrate' (*.json) to see how well replays predict."));
    addPanel("accuracy", tr("Accuracy"), m_accuracy, "Alt+2", {Qt::RightDockWidgetArea, "curves", false});
    addPanel("replays", tr("Replays"), m_replays, "Alt+3", {Qt::RightDockWidgetArea, "curves", false});
    addPanel("predicted", tr("Predicted"), m_predicted, "Alt+4", {Qt::RightDockWidgetArea, "curves", false});
}

void MainWindow::buildWorkPanels(const ViewContext& context, const WindowStart& start)
{
    m_export = new ExportPanel([this] { return figures(); });
    keepSettings("export", m_export->settings());
    m_export->setProvenance(start.creator, start.commandLine);
    connect(m_export, &ExportPanel::failed, m_messages, &MessageBar::add);
    QDockWidget* exports = m_panels->add("export", tr("Export"), m_export, QKeySequence(QStringLiteral("Ctrl+E")),
                                         {Qt::LeftDockWidgetArea, "captures", false});
    connect(exports, &QDockWidget::visibilityChanged, m_export, [this](bool visible) {
        if (visible)
            m_export->refresh();
    });
    m_tour = new TourPanel(context);
    addPanel("tour", tr("Tour"), m_tour, "Alt+6", {Qt::LeftDockWidgetArea, "captures", false});
    connect(m_tour, &TourPanel::panelWanted, this, [this](const QString& panel) {
        if (panel == QStringLiteral("map"))
            m_map->setFocus();
        else
            m_panels->raise(panel);
        m_tour->setFocus();
    });
    connect(m_tour, &TourPanel::demoWanted, this, [this] {
        startTour();
    });
    if (!start.runChoices)
        return;
    m_run = new RunPanel(context, start.runChoices());
    addPanel("runs", tr("Run"), m_run, "Alt+5", {Qt::LeftDockWidgetArea, "captures", false});
    connect(m_run, &RunPanel::opened, this, &MainWindow::open);
    connect(m_run, &RunPanel::runningChanged, this, [this] { m_closeAsked = false; });
}

void MainWindow::startTour()
{
    std::vector<std::filesystem::path> files;
    try {
        files = demoCaptures();
        const auto results = demoResults();
        files.insert(files.end(), results.begin(), results.end());
    } catch (const core::Error& error) {
        m_messages->add(QString::fromUtf8(error.what()));
        return;
    }
    OpenedFiles found = sortFiles(files); // three small files of our own
    found.named.clear();                  // not what somebody chose to open
    opened(found);
    m_resultPanels = ResultPanels::shown; // each step brings its own panel to the front
    m_panels->raise(QStringLiteral("tour"));
    m_tour->start();
}

std::vector<std::pair<QString, plot::Figure>> MainWindow::figures() const
{
    std::vector<std::pair<QString, plot::Figure>> found;
    for (const View* view : m_views)
        if (auto figure = view->figure())
            found.emplace_back(view->windowTitle().isEmpty() ? tr("Map") : view->windowTitle(), std::move(*figure));
    return found;
}

} // namespace kvviz::views
