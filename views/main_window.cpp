// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/main_window.hpp"

#include "core/error.hpp"
#include "views/capture_browser.hpp"
#include "views/delta_data.hpp"
#include "views/figure_view.hpp"
#include "views/live_replay.hpp"
#include "views/map_view.hpp"
#include "views/method_data.hpp"
#include "views/result_figures.hpp"
#include "views/run_panel.hpp"
#include "views/selection_bar.hpp"

#include <fmt/format.h>

#include <QApplication>
#include <QDockWidget>
#include <QLabel>
#include <QStatusBar>
#include <QVBoxLayout>

#include <algorithm>
#include <utility>

namespace kvviz::views {

namespace {

QString text(const std::string& utf8) { return QString::fromStdString(utf8); }

/// A session that was edited by hand may name more captures than it lists.
SelectionState within(SelectionState state, int captures)
{
    const int last = std::max(0, captures - 1);
    state.capture = std::min(state.capture, last);
    state.other = std::min(state.other, last);
    return state;
}

} // namespace

MainWindow::MainWindow(const WindowStart& start)
    : m_captures(std::make_unique<CaptureList>(start.session.captures)), m_settings(start.fresh),
      m_selection(new Selection(this)), m_history(nullptr), m_actions(new WindowActions(this)),
      m_panels(new PanelSet(this, m_actions)), m_messages(new MessageBar(this)), m_readout(new QLabel),
      m_about(new QLabel), m_published(start.published), m_sessionFile(start.sessionFile),
      m_presenter(new Presenter(this))
{
    setWindowTitle(QStringLiteral("kvviz"));
    setAcceptDrops(true);
    resize(1280, 800);
    m_selection->setState(within(start.session.selection, m_captures->size()));
    m_live = new LiveReplay(m_selection, m_captures.get(), this);
    connect(m_live, &LiveReplay::failed, m_messages, &MessageBar::add);
    const ViewContext context{m_selection, m_captures.get(), m_live};
    buildPage(context);
    buildCommands();
    buildPanels(context);
    buildWorkPanels(context, start);
    m_panels->rememberLayout();
    m_history = new History(m_selection, this);
    connect(m_selection, &Selection::changed, this, &MainWindow::selectionChanged);
    connect(m_history, &History::changed, this, [this] {
        m_actions->action("back")->setEnabled(m_history->canGoBack());
        m_actions->action("forward")->setEnabled(m_history->canGoForward());
    });
    Q_EMIT m_history->changed();
    for (const std::string& fault : start.faults)
        m_messages->add(text(fault));
    restoreGeometry(m_settings.geometry());
    m_ownLayout = restoreState(m_settings.layout());
    m_keptSettings = m_settings.panels();
    if (start.sessionFile.empty())
        m_resultPanels = ResultPanels::shown; // named on the command line
    restore(start.session);
    filesChanged();
    remember(start.sessionFile, start.named);
    if (start.demo)
        startTour();
}

MainWindow::~MainWindow()
{
    // Views read from the captures on other threads: they must end first.
    m_panels->clear();
    delete m_page;
    delete m_bar;
    delete m_live;
}

View* MainWindow::addView(View* view)
{
    connect(view, &View::failed, m_messages, &MessageBar::add);
    connect(view, &View::hovered, m_readout, &QLabel::setText);
    m_views.push_back(view);
    return view;
}

void MainWindow::buildPage(const ViewContext& context)
{
    m_bar = new SelectionBar(context, this);
    addToolBar(m_bar);
    addToolBar(m_bar->looks());
    connect(m_bar, &SelectionBar::described, this, [this](const QString& about) {
        m_about->setText(about);
        const int capture = m_selection->state().capture;
        setWindowTitle(capture < m_captures->size() ? tr("%1 - kvviz").arg(m_captures->label(capture))
                                                    : QStringLiteral("kvviz"));
    });
    connect(m_bar, &SelectionBar::failed, m_messages, &MessageBar::add);
    m_map = new MapView(context);
    addView(m_map);
    m_page = new QWidget;
    auto* layout = new QVBoxLayout(m_page);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_messages);
    layout->addWidget(m_map, 1);
    setCentralWidget(m_page);
    m_readout->setAccessibleName(tr("Readout"));
    m_readout->setMinimumWidth(1); // a long text must not widen the window
    statusBar()->addWidget(m_readout, 1);
    statusBar()->addPermanentWidget(m_about);
}

bool MainWindow::settled() const
{
    return !m_opening.busy() && !m_sorting.busy() && !m_checking.busy() && !m_bar->busy() && !m_live->busy()
           && std::none_of(m_views.begin(), m_views.end(), [](const View* view) { return view->busy(); });
}

void MainWindow::selectionChanged(Selection::Parts parts)
{
    if (parts & (Selection::capture | Selection::map))
        m_messages->clear(); // they were about what is no longer shown
}

void MainWindow::open(const std::vector<std::filesystem::path>& paths)
{
    m_opening.run([this, paths]() -> BackgroundTask::Finish {
        const OpenedFiles files = sortFiles(paths);
        return [this, files] {
            opened(files);
        };
    });
}

void MainWindow::opened(const OpenedFiles& files)
{
    m_messages->clear();
    if (!files.session.empty()) {
        try {
            apply(loadSession(files.session));
            m_sessionFile = files.session; // only now: a file that cannot be read must not be overwritten
        } catch (const core::Error& error) {
            m_messages->add(QString::fromUtf8(error.what()));
        }
    }
    const auto addTo = [](std::vector<std::filesystem::path>& list, const std::vector<std::filesystem::path>& more) {
        for (const std::filesystem::path& file : more)
            if (std::find(list.begin(), list.end(), file) == list.end())
                list.push_back(file);
    };
    addTo(m_results, files.results);
    for (const std::filesystem::path& file : files.results) // somebody asks for it again: say it again
        std::erase_if(m_told, [&](const std::string& said) { return said.find(file.string()) != std::string::npos; });
    if (!files.captures.empty()) {
        const int first = m_captures->add(files.captures);
        filesChanged();
        m_selection->setCapture(first);
        if (m_captures->size() > 1)
            m_panels->dock(QStringLiteral("captures"))->show();
    }
    for (const std::string& fault : files.faults)
        m_messages->add(text(fault));
    if (!files.results.empty()) {
        m_resultPanels = ResultPanels::inFront;
        showResults();
    }
    remember(files.session == m_sessionFile ? files.session : std::filesystem::path(), files.named);
}

void MainWindow::remember(const std::filesystem::path& session, const std::vector<std::filesystem::path>& named)
{
    if (!session.empty())
        m_settings.addSession(text(session.string()));
    for (const std::filesystem::path& path : named)
        m_settings.addCapture(text(path.string()));
    fillRecent();
}

void MainWindow::showResults()
{
    if (m_results.empty()) {
        showFigures({});
        return;
    }
    m_sorting.run([this, results = m_results, captures = m_captures.get(),
                   shown = m_selection->state().capture]() -> BackgroundTask::Finish {
        const ResultFiles sorted = sortResults(results);
        std::string model;
        try {
            model = captures->reader(shown)->info().model.name;
        } catch (const core::Error&) { // the views say why it cannot be read
        }
        return [this, sorted, model] {
            tellOf(sorted, model);
            showFigures(sorted);
        };
    });
}

void MainWindow::tellOf(const ResultFiles& sorted, const std::string& model)
{
    std::vector<std::string> sentences = sorted.faults;
    const std::vector<io::CaptureRef> open = m_captures->refs();
    for (const ResultSubject& subject : sorted.subjects)
        sentences.push_back(strangerSentence(subject, open, model));
    for (const std::string& sentence : sentences)
        if (!sentence.empty() && m_told.insert(sentence).second)
            m_messages->add(text(sentence));
}

void MainWindow::showFigures(const ResultFiles& sorted)
{
    plot::DeltaRequest request;
    request.by = "method";
    request.published = m_published;
    m_accuracy->setBuild(sorted.evaluations.empty() ? FigureView::Build() : [files = sorted.evaluations, request] {
        const plot::Evaluations all = plot::readEvaluations(files, false);
        return plot::deltaFigure(all.records, all.sources, request);
    });
    m_replays->setBuild(sorted.replays.empty() ? FigureView::Build() : [files = sorted.replays] {
        const plot::Replays all = plot::readReplays(files);
        return plot::methodsFigure(all.records, all.sources, {});
    });
    m_predicted->setBuild(sorted.checks.empty() ? FigureView::Build() : [checks = sorted.checks] {
        return plot::predictionFigureOf(checks, {0, 0});
    });
    const ResultPanels wanted = std::exchange(m_resultPanels, ResultPanels::asTheyAre);
    const auto bring = [&](const char* panel, bool any) {
        if (!any || wanted == ResultPanels::asTheyAre)
            return;
        QDockWidget* dock = m_panels->dock(QLatin1String(panel));
        dock->show();
        if (wanted == ResultPanels::inFront)
            dock->raise(); // the keyboard stays where it is
    };
    bring("accuracy", !sorted.evaluations.empty());
    bring("replays", !sorted.replays.empty());
    bring("predicted", !sorted.checks.empty());
}

void MainWindow::filesChanged()
{
    m_bar->refill();
    m_browser->refresh();
    if (!m_run)
        return;
    std::vector<std::filesystem::path> files;
    for (const io::CaptureRef& ref : m_captures->refs())
        files.push_back(ref.file);
    m_run->setCaptures(files);
}

void MainWindow::reload()
{
    m_messages->clear();
    m_told.clear();
    m_captures->reload();
    m_live->reload();
    filesChanged();
    for (View* view : m_views)
        view->reload();
    showResults();
}

Session MainWindow::session() const
{
    Session session;
    session.captures = m_captures->refs();
    session.results = m_results;
    session.selection = m_selection->state();
    session.geometry = saveGeometry();
    session.layout = saveState();
    session.panels = panelSettings();
    session.fontScale = m_presenter->scale();
    session.unknown = m_unknown;
    return session;
}

void MainWindow::keepSettings(const std::string& panel, ViewSettings& settings)
{
    m_panelSettings.emplace_back(panel, &settings);
}

PanelSettings MainWindow::panelSettings() const
{
    PanelSettings all = m_keptSettings;
    for (const auto& [panel, settings] : m_panelSettings)
        for (const auto& [name, value] : settings->values())
            all[panel][name] = value;
    return all;
}

/// What of a session does not depend on which captures are shown; entries that it lacks stay as they are.
void MainWindow::restore(const Session& session)
{
    m_unknown = session.unknown;
    m_results = session.results;
    m_told.clear();
    for (const auto& [panel, values] : session.panels)
        for (const auto& [name, value] : values)
            m_keptSettings[panel][name] = value;
    for (const auto& [panel, settings] : m_panelSettings)
        if (const auto found = m_keptSettings.find(panel); found != m_keptSettings.end())
            settings->apply(found->second);
    restoreGeometry(session.geometry);
    m_ownLayout = restoreState(session.layout) || m_ownLayout;
    m_presenter->setScale(session.fontScale);
    showResults();
    checkCaptures();
}

void MainWindow::checkCaptures()
{
    m_checking.run([this, refs = m_captures->refs()]() -> BackgroundTask::Finish {
        const std::string missing = missingCaptures(refs);
        return [this, missing] { m_messages->add(text(missing)); };
    });
}

void MainWindow::apply(const Session& session)
{
    releasePanels(); // they hold indices of captures that are gone
    m_captures->replace(session.captures);
    m_live->reload();
    filesChanged();
    m_selection->setState(within(session.selection, m_captures->size()));
    m_history->clear();
    for (View* view : m_views)
        view->reload();
    restore(session);
}

} // namespace kvviz::views
