// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The actions of the window: their menus, keys and what they do.
#include "core/error.hpp"
#include "views/decode_timeline.hpp"
#include "views/export_panel.hpp"
#include "views/main_window.hpp"
#include "views/map_view.hpp"
#include "views/selection_bar.hpp"
#include "views/theme.hpp"
#include "views/token_strip.hpp"

#include <QApplication>
#include <QClipboard>
#include <QDialog>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QScrollArea>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace kvviz::views {

namespace {

constexpr double kRatioStep = 0.05;
constexpr double kLeastRatio = 0.05;
constexpr double kFontStep = 1.2;

QList<QKeySequence> keys(std::initializer_list<const char*> texts)
{
    QList<QKeySequence> result;
    for (const char* text : texts)
        result.append(QKeySequence(QLatin1String(text)));
    return result;
}

} // namespace

void MainWindow::buildCommands()
{
    buildFileCommands();
    buildGoCommands();
    buildViewCommands();
    (void)m_actions->menu(tr("&Panels"));
    m_actions->add(tr("&Help"), "tour", tr("Guided &tour"), keys({"Shift+F1"}), [this] { startTour(); });
    m_actions->add(tr("&Help"), "keys", tr("&Keys"), keys({"?", "F1"}), [this] { showKeys(); });
}

void MainWindow::buildFileCommands()
{
    const QString file = tr("&File");
    m_actions->add(file, "open", tr("&Open files..."), keys({"Ctrl+O"}), [this] { askForFiles(false); });
    m_actions->add(file, "open_folder", tr("Open &folder..."), keys({"Ctrl+Shift+O"}), [this] { askForFiles(true); });
    m_actions->menu(file)->addMenu(tr("Open &recent"))->setObjectName(QStringLiteral("recent"));
    m_actions->add(file, "reload", tr("Re&load"), keys({"F5"}), [this] { reload(); });
    m_actions->addSeparator(file);
    m_actions->add(file, "save_session", tr("&Save session"), keys({"Ctrl+S"}), [this] {
        if (m_sessionFile.empty()) {
            saveSessionAs();
            return;
        }
        try {
            saveSession(session(), m_sessionFile);
        } catch (const core::Error& error) {
            m_messages->add(QString::fromUtf8(error.what()));
        }
    });
    m_actions->add(file, "save_session_as", tr("Save session &as..."), keys({"Ctrl+Shift+S"}),
                   [this] { saveSessionAs(); });
    m_actions->add(file, "copy_picture", tr("&Copy the picture of all views"), keys({"Ctrl+Shift+C"}), [this] {
        m_export->refresh();
        m_export->choose({});
        m_export->copy();
    });
    m_actions->add(file, "copy_value", tr("Copy the &value at the crosshair"), keys({"C"}), [this] { copyText(m_map->valueText()); });
    m_actions->add(file, "copy_row", tr("Copy the crosshair's ro&w as a table"), keys({"Shift+C"}),
                   [this] { copyText(m_map->rowText()); });
    m_actions->addSeparator(file);
    m_actions->add(file, "quit", tr("&Quit"), keys({"Ctrl+Q"}), [this] { close(); });
    fillRecent();
}

void MainWindow::buildGoCommands()
{
    const QString go = tr("&Go");
    m_actions->add(go, "back", tr("&Back (undo)"), keys({"Alt+Left", "Ctrl+Z"}), [this] { m_history->back(); });
    m_actions->add(go, "forward", tr("&Forward (redo)"), keys({"Alt+Right", "Ctrl+Shift+Z"}),
                   [this] { m_history->forward(); });
    m_actions->addSeparator(go);
    m_actions->add(go, "next_head", tr("Next &head"), keys({"]"}), [this] { m_bar->stepHead(1); });
    m_actions->add(go, "previous_head", tr("Previous head"), keys({"["}), [this] { m_bar->stepHead(-1); });
    m_actions->add(go, "all_heads", tr("Mean of all heads"), keys({"M"}),
                   [this] { m_selection->change([](SelectionState& s) { s.head = -1; }); });
    m_actions->add(go, "next_layer", tr("Next &layer"), keys({"}"}), [this] { m_bar->stepLayer(1); });
    m_actions->add(go, "previous_layer", tr("Previous layer"), keys({"{"}), [this] { m_bar->stepLayer(-1); });
    m_actions->add(go, "next_capture", tr("Next &capture"), keys({"Ctrl+PgDown"}), [this] { m_bar->stepCapture(1); });
    m_actions->add(go, "previous_capture", tr("Previous capture"), keys({"Ctrl+PgUp"}),
                   [this] { m_bar->stepCapture(-1); });
    m_actions->addSeparator(go);
    m_actions->add(go, "find", tr("Find &token, position or shot"), keys({"Ctrl+F", "F"}), [this] {
        m_panels->raise(QStringLiteral("tokens"));
        m_tokens->startFind();
    });
    m_actions->add(go, "find_next", tr("Find next"), keys({"F3"}), [this] { m_tokens->findNext(); });
    m_actions->add(go, "find_previous", tr("Find previous"), keys({"Shift+F3"}), [this] { m_tokens->findPrevious(); });
    m_actions->add(go, "play", tr("&Play or stop the continuation"), keys({"Space"}), [this] { m_decode->togglePlay(); });
    m_actions->add(go, "next_step", tr("Next decode step"), keys({"N"}), [this] { m_decode->stepForward(); });
    m_actions->add(go, "previous_step", tr("Previous decode step"), keys({"Shift+N"}), [this] { m_decode->stepBack(); });
    m_actions->addSeparator(go);
    m_actions->add(go, "less", tr("Keep less"), keys({","}), [this] {
        m_selection->change([](SelectionState& s) {
            s.budgetTokens = 0;
            s.ratio = std::max(kLeastRatio, s.ratio - kRatioStep);
        });
    });
    m_actions->add(go, "more", tr("Keep more"), keys({"."}), [this] {
        m_selection->change([](SelectionState& s) {
            s.budgetTokens = 0;
            s.ratio = std::min(1.0, s.ratio + kRatioStep);
        });
    });
}

void MainWindow::buildViewCommands()
{
    const QString view = tr("&View");
    const auto flip = [this](auto&& edit) {
        return [this, edit] { m_selection->change(edit); };
    };
    m_actions->add(view, "sinks", tr("With or without &sinks"), keys({"S"}),
                   flip([](SelectionState& s) { s.withoutSinks = !s.withoutSinks; }));
    m_actions->add(view, "logarithmic", tr("&Logarithmic or linear colours"), keys({"L"}),
                   flip([](SelectionState& s) { s.logarithmic = !s.logarithmic; }));
    m_actions->add(view, "pooling", tr("Largest or &mean value in a cell"), keys({"P"}), flip([](SelectionState& s) {
                       s.pooling = s.pooling == io::Pooling::max ? io::Pooling::mean : io::Pooling::max;
                   }));
    m_actions->add(view, "overlay", tr("Shade what the method &evicts"), keys({"O"}),
                   flip([](SelectionState& s) { s.overlay = !s.overlay; }));
    m_actions->add(view, "difference", tr("Differen&ce to the next capture"), keys({"D"}),
                   [this] { toggleDifference(); });
    m_actions->addSeparator(view);
    m_actions->add(view, "lock_colors", tr("Loc&k the colour range, or let it follow"), keys({"K"}), [this] {
        m_map->lockColors(m_selection->state().colorRange != ColorRange::fixed);
    });
    m_actions->add(view, "zoom_in", tr("Zoom &in"), keys({"+"}), [this] { m_map->zoomIn(); });
    m_actions->add(view, "zoom_out", tr("Zoom o&ut"), keys({"-"}), [this] { m_map->zoomOut(); });
    m_actions->add(view, "everything", tr("Sh&ow everything"), keys({"Home"}),
                   [this] { m_selection->setVisible({}, {}); });
    m_actions->add(view, "reset", tr("No crosshair, no difference"), keys({"Esc"}), flip([](SelectionState& s) {
                       s.query = s.key = -1;
                       s.other = -1;
                       s.decodeStep = -1;
                   }));
    m_actions->addSeparator(view);
    m_actions->add(view, "larger_text", tr("Larger &text (presenting)"), keys({"Ctrl++", "Ctrl+="}),
                   [this] { m_presenter->setScale(std::min(3.0, m_presenter->scale() * kFontStep)); });
    m_actions->add(view, "smaller_text", tr("Smaller text"), keys({"Ctrl+-"}),
                   [this] { m_presenter->setScale(std::max(0.7, m_presenter->scale() / kFontStep)); });
    m_actions->add(view, "normal_text", tr("Normal text"), keys({"Ctrl+0"}), [this] { m_presenter->setScale(1.0); });
    m_actions->put(view, "presenter_size", m_presenter->action(), keys({"Ctrl+Shift+P"}));
    m_actions->add(view, "dark", tr("&Dark or light window"), keys({"Ctrl+Shift+D"}),
                   [this] { useTheme(isDark(palette()) ? Theme::light : Theme::dark); });
    m_actions->addSeparator(view);
    m_actions->add(view, "full_screen", tr("&Full screen"), keys({"F11"}),
                   [this] { isFullScreen() ? showNormal() : showFullScreen(); });
    m_actions->add(view, "hold_panel", tr("&Hold the panel with the focus, or let it follow"), keys({"Ctrl+H"}),
                   [this] { holdPanel(); });
    m_actions->add(view, "reset_layout", tr("Panels as at first"), keys({"Ctrl+Shift+0"}),
                   [this] {
                       m_panels->resetLayout();
                       m_ownLayout = false;
                       sizePanels();
                   });
}

void MainWindow::fillRecent()
{
    auto* menu = m_actions->menu(tr("&File"))->findChild<QMenu*>(QStringLiteral("recent"));
    menu->clear();
    const auto addAll = [&](const QStringList& paths) {
        for (const QString& path : paths)
            menu->addAction(path, this, [this, path] { open({std::filesystem::path(path.toStdString())}); });
    };
    addAll(m_settings.recentCaptures());
    menu->addSeparator();
    addAll(m_settings.recentSessions());
    menu->addSeparator();
    menu->addAction(tr("Clear"), this, [this] {
        m_settings.clearRecent();
        fillRecent();
    });
    menu->setEnabled(menu->actions().size() > 3);
}

void MainWindow::askForFiles(bool folder)
{
    auto* dialog = new QFileDialog(this, folder ? tr("Open a folder of captures") : tr("Open captures, results, sessions"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(folder ? QFileDialog::Directory : QFileDialog::ExistingFiles);
    dialog->setNameFilters({tr("kvviz files (*.kvh5 *.kvres.h5 *.json)"), tr("All files (*)")});
    connect(dialog, &QFileDialog::filesSelected, this, [this](const QStringList& chosen) {
        std::vector<std::filesystem::path> paths;
        for (const QString& path : chosen)
            paths.emplace_back(path.toStdString());
        open(paths);
    });
    dialog->open();
}

void MainWindow::saveSessionAs()
{
    auto* dialog = new QFileDialog(this, tr("Save the session"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave); // asks before it overwrites
    dialog->setNameFilters({tr("kvviz sessions (*%1)").arg(QLatin1String(kSessionSuffix))});
    dialog->setDefaultSuffix(QString(QLatin1String(kSessionSuffix)).mid(1));
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& chosen) {
        try {
            saveSession(session(), chosen.toStdString());
            m_sessionFile = chosen.toStdString();
            m_settings.addSession(chosen);
            fillRecent();
        } catch (const core::Error& error) {
            m_messages->add(QString::fromUtf8(error.what()));
        }
    });
    dialog->open();
}

void MainWindow::copyText(const QString& text)
{
    if (text.isEmpty())
        m_messages->add(tr("There is no crosshair on the map: click on it, or move it with the arrow keys."));
    else
        QApplication::clipboard()->setText(text);
}

void MainWindow::toggleDifference()
{
    if (m_captures->size() < 2) {
        m_messages->add(tr("A difference needs two captures; open another one."));
        return;
    }
    m_selection->change([this](SelectionState& s) {
        s.other = s.other >= 0 ? -1 : (s.capture + 1) % m_captures->size();
    });
}

void MainWindow::showKeys()
{
    auto* sheet = new QDialog(this);
    sheet->setAttribute(Qt::WA_DeleteOnClose);
    sheet->setObjectName(QStringLiteral("keys"));
    sheet->setWindowTitle(tr("Keys"));
    auto* page = new QWidget;
    auto* columns = new QHBoxLayout(page);
    columns->setContentsMargins(16, 4, 16, 16);
    columns->setSpacing(24);
    const QString map = tr("<h3>Map</h3><p>Wheel: zoom (Ctrl: finer)<br>Drag: move (Shift: zoom to a rectangle)<br>"
                           "Click: crosshair (Shift: measure from it)<br>Arrows: move the crosshair<br>"
                           "Hold B: the captures of a difference in turn</p>");
    const QString columnTexts[] = {m_actions->sheet({tr("&File"), tr("&Go")}), m_actions->sheet({tr("&View"), tr("&Help")}),
                                   m_actions->sheet({tr("&Panels")}) + map};
    for (const QString& text : columnTexts) {
        auto* label = new QLabel(text);
        label->setTextFormat(Qt::RichText);
        label->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
        label->setAccessibleName(tr("Keys"));
        columns->addWidget(label, 0, Qt::AlignTop);
    }
    auto* scroll = new QScrollArea;
    scroll->setWidget(page);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setAccessibleName(tr("Keys"));
    auto* layout = new QVBoxLayout(sheet);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(scroll);
    sheet->resize((page->sizeHint() + QSize(24, 24)).boundedTo(size()));
    sheet->show();
}

} // namespace kvviz::views
