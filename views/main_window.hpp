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
#include "views/result_files.hpp"
#include "views/run_choices.hpp"
#include "views/session.hpp"
#include "views/window_actions.hpp"
#include "views/window_settings.hpp"

#include <QMainWindow>

#include <functional>
#include <map>
#include <memory>
#include <set>

class QDockWidget;
class QLabel;

namespace kvviz::views {

class CaptureBrowser;
class CurveView;
class DecodeTimeline;
class ExportPanel;
class FigureView;
class LinkedSelection;
class LiveReplay;
class MapView;
class RunPanel;
class SelectionBar;
class TokenStrip;
class TourPanel;

/// What a window starts with.
struct WindowStart {
    Session session;                        ///< captures, results, selection, layout
    std::filesystem::path sessionFile;      ///< where it came from; empty: nowhere
    std::vector<std::filesystem::path> named; ///< paths that were asked for, for the list of recent ones
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
    /// What the views show now, by their titles: what Export offers.
    [[nodiscard]] std::vector<std::pair<QString, plot::Figure>> figures() const;
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
    /// The same with a selection that can be held, for the panel of this id.
    [[nodiscard]] ViewContext holdable(const ViewContext& context, const char* id);
    void holdPanel();
    void releasePanels();
    View* addView(View* view); ///< connects what every view tells
    void buildCommands();
    void buildFileCommands();
    void buildGoCommands();
    void buildViewCommands();
    void fillRecent();
    void selectionChanged(Selection::Parts parts);
    void opened(const OpenedFiles& files);
    void showResults();
    void showFigures(const ResultFiles& sorted);
    void tellOf(const ResultFiles& sorted, const std::string& model);
    void restore(const Session& session);
    void checkCaptures();
    void keepSettings(const std::string& panel, ViewSettings& settings);
    void remember(const std::filesystem::path& session, const std::vector<std::filesystem::path>& named);
    [[nodiscard]] PanelSettings panelSettings() const;
    void askForFiles(bool folder);
    void saveSessionAs();
    void toggleDifference();
    void copyText(const QString& text);
    void showKeys();
    void startTour();
    void filesChanged();
    void fitBars();
    /// The panels take their shares of the window, until somebody moves a border.
    void sizePanels();

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
    std::vector<std::pair<std::string, ViewSettings*>> m_panelSettings; ///< by the id of the panel
    std::map<QString, LinkedSelection*> m_links;                        ///< of panels that can be held
    PanelSettings m_keptSettings; ///< as they were read: those of panels that this version lacks are written back
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
    std::vector<std::filesystem::path> m_results; ///< evaluations, replays, checks of predictions
    /// What happens to the panels of results when they have been read: nothing after F5 or a session, whose layout it is.
    enum class ResultPanels : std::uint8_t { asTheyAre, shown, inFront } m_resultPanels = ResultPanels::asTheyAre;
    std::set<std::string> m_told; ///< about results: said once, not whenever others are opened
    std::filesystem::path m_sessionFile;
    std::string m_unknown = "{}"; ///< of the session: entries of a newer version
    Presenter* m_presenter;
    bool m_ownLayout = false; ///< restored, or made with the mouse
    bool m_closeAsked = false; ///< while a run is going on: the next close stops it
    BackgroundTask m_opening, m_sorting, m_checking;
};

} // namespace kvviz::views
