// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The window of `kvviz view`: the map in the middle, everything else in panels around it, one selection for all. Faults
// stand in a message bar. Actions are in window_commands.cpp.
#pragma once

#include "views/history.hpp"
#include "views/message_bar.hpp"
#include "views/opened_files.hpp"
#include "views/panel_set.hpp"
#include "views/presenter.hpp"
#include "views/published_series.hpp"
#include "views/run_choices.hpp"
#include "views/session.hpp"
#include "views/window_actions.hpp"
#include "views/window_settings.hpp"

#include <QMainWindow>

#include <functional>
#include <memory>

class QDockWidget;
class QLabel;

namespace kvviz::views {

class CaptureBrowser;
class CurveView;
class DecodeTimeline;
class ExportPanel;
class FigureView;
class LiveReplay;
class MapView;
class RunPanel;
class SelectionBar;
class TokenStrip;
class TourPanel;

/// What a window starts with.
struct WindowStart {
    Session session;                        ///< captures, results, selection, layout
    std::vector<std::filesystem::path> checks; ///< of predictions
    std::vector<std::string> faults;        ///< told at once
    plot::PublishedSource published;        ///< the paper's numbers; may be none
    bool fresh = true;                      ///< settings are neither read nor written
    bool demo = false;                      ///< the guided tour, on the captures that come with the program
    std::function<RunChoices()> runChoices; ///< what runs can be started with; none: the panel is not there
    std::string creator, commandLine;       ///< for exports
};

class MainWindow : public QMainWindow {
    Q_OBJECT

public:
    explicit MainWindow(const WindowStart& start);
    ~MainWindow() override;

    [[nodiscard]] Selection* selection() const { return m_selection; }
    [[nodiscard]] CaptureList* captures() const { return m_captures.get(); }
    [[nodiscard]] History* history() const { return m_history; }
    [[nodiscard]] MapView* mapView() const { return m_map; }
    [[nodiscard]] CurveView* curveView() const { return m_curve; }
    [[nodiscard]] CaptureBrowser* browser() const { return m_browser; }
    [[nodiscard]] LiveReplay* live() const { return m_live; }
    [[nodiscard]] TourPanel* tour() const { return m_tour; }
    [[nodiscard]] RunPanel* runs() const { return m_run; }
    [[nodiscard]] WindowActions* windowActions() const { return m_actions; }
    [[nodiscard]] PanelSet* panels() const { return m_panels; }
    /// Nothing is being read or computed: what is on screen is final.
    [[nodiscard]] bool settled() const;
    /// The newest message of the bar; empty when there is none.
    [[nodiscard]] QString message() const { return m_messages->message(); }

    /// Adds captures and results to those that are open and shows the first one named; a session replaces everything.
    /// Looks at the paths off the GUI thread.
    void open(const std::vector<std::filesystem::path>& paths);
    /// Reads the files again, keeps what is looked at.
    void reload();
    /// What a session file would hold now.
    [[nodiscard]] Session session() const;
    void apply(const Session& session);

protected:
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;
    void closeEvent(QCloseEvent* event) override;
    bool event(QEvent* event) override;
    bool focusNextPrevChild(bool next) override;
    void changeEvent(QEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    void buildPage(const ViewContext& context);
    void buildPanels(const ViewContext& context);
    void buildMethodPanels(const ViewContext& context);
    void buildPromptPanels(const ViewContext& context);
    void buildResultPanels(const ViewContext& context);
    void buildWorkPanels(const ViewContext& context, const WindowStart& start);
    QDockWidget* addPanel(const char* id, const QString& title, View* view, const char* key, const PanelPlace& place);
    View* addView(View* view); ///< connects what every view tells
    void buildCommands();
    void buildFileCommands();
    void buildGoCommands();
    void buildViewCommands();
    void fillRecent();
    void selectionChanged(Selection::Parts parts);
    void opened(const OpenedFiles& files);
    void showResults();
    void askForFiles(bool folder);
    void saveSessionAs();
    void toggleDifference();
    void showKeys();
    void startTour();
    void filesChanged();
    void fitBars();
    /// The panels take their shares of the window, until somebody moves a border.
    void sizePanels();
    [[nodiscard]] std::vector<std::pair<QString, plot::Figure>> figures() const;

    std::unique_ptr<CaptureList> m_captures;
    WindowSettings m_settings;
    Selection* m_selection;
    History* m_history;
    WindowActions* m_actions;
    PanelSet* m_panels;
    MessageBar* m_messages;
    SelectionBar* m_bar = nullptr;
    QLabel* m_readout;
    QLabel* m_about;
    QWidget* m_page = nullptr;
    std::vector<View*> m_views;
    LiveReplay* m_live = nullptr;
    MapView* m_map = nullptr;
    TokenStrip* m_tokens = nullptr;
    DecodeTimeline* m_decode = nullptr;
    ExportPanel* m_export = nullptr;
    RunPanel* m_run = nullptr;
    TourPanel* m_tour = nullptr;
    CurveView* m_curve = nullptr;
    CaptureBrowser* m_browser = nullptr;
    FigureView *m_accuracy = nullptr, *m_replays = nullptr, *m_predicted = nullptr;
    plot::PublishedSource m_published;
    std::vector<std::filesystem::path> m_results, m_checks;
    std::filesystem::path m_sessionFile;
    std::string m_unknown = "{}"; ///< of the session: entries of a newer version
    Presenter* m_presenter;
    bool m_ownLayout = false; ///< restored, or made with the mouse
    BackgroundTask m_opening, m_sorting;
};

} // namespace kvviz::views
