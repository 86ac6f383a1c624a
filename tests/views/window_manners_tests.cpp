// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How the window behaves between and around the views: recent files, dropping, keys, what is remembered, closing.
#include "tests/views/window_fixture.hpp"
#include "views/curve_view.hpp"
#include "views/head_grid.hpp"
#include "views/matrix_canvas.hpp"
#include "views/run_fields.hpp"
#include "views/run_panel.hpp"

#include <QAction>
#include <QClipboard>
#include <QComboBox>
#include <QDialog>
#include <QDockWidget>
#include <QDropEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QMenuBar>
#include <QMimeData>
#include <QPlainTextEdit>
#include <QSettings>
#include <QShortcut>
#include <QSlider>
#include <QTableView>
#include <QToolBar>

#include <fstream>
#include <map>

using namespace kvviz;
using Catch::Contains;
using test::captureFile;
using test::ScratchFolder;
using test::WindowBench;

namespace {

namespace fs = std::filesystem;

views::WindowStart remembering(const std::vector<fs::path>& named)
{
    views::WindowStart start;
    start.session.captures = io::findCaptures(named);
    start.named = named;
    start.fresh = false;
    return start;
}

/// Settings in a folder of the test while it lives.
struct OwnSettings {
    OwnSettings() { QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, path()); }
    ~OwnSettings() { QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, QStringLiteral("/nonexistent")); }
    [[nodiscard]] QString path() const { return QString::fromStdString((folder / "config").string()); }
    ScratchFolder folder;
};

QMenu* recentMenu(const WindowBench& window)
{
    return window.window->findChild<QMenu*>(QStringLiteral("recent"));
}

/// "a.kvh5 b.kvh5 | s.kvsession.json | Clear": names of the entries, a bar for a line between them.
std::string entriesOf(const QMenu* menu)
{
    std::string text;
    for (const QAction* action : menu->actions())
        text += (text.empty() ? "" : " ") + (action->isSeparator() ? "|" : fs::path(action->text().toStdString()).filename().string());
    return text;
}

void drop(const WindowBench& window, const QList<QUrl>& urls)
{
    QMimeData data;
    data.setUrls(urls);
    QDragEnterEvent enter({100, 100}, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(window.window.get(), &enter);
    CHECK(enter.isAccepted());
    QDropEvent event({100, 100}, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(window.window.get(), &event);
    window.settle();
}

QUrl urlOf(const fs::path& path) { return QUrl::fromLocalFile(QString::fromStdString(path.string())); }

} // namespace

TEST_CASE("Recent captures and sessions are kept apart, newest first, and can be cleared", "[views][io]")
{
    const OwnSettings own;
    const fs::path a = captureFile(own.folder, "a"), b = captureFile(own.folder, "run/b");
    {
        const WindowBench window(remembering({a}));
        CHECK(entriesOf(recentMenu(window)) == "a.kvh5 | | Clear");
        window.open({own.folder / "run/"});
        window.open({own.folder / "absent.kvh5"});
        views::saveSession(window->session(), own.folder / "s.kvsession.json");
        window.open({own.folder / "s.kvsession.json"});
        CHECK(entriesOf(recentMenu(window)) == "run a.kvh5 | s.kvsession.json | Clear"); // the folder, not its files
    }
    const WindowBench window(remembering({b}));
    CHECK(entriesOf(recentMenu(window)) == "b.kvh5 run a.kvh5 | s.kvsession.json | Clear");
    recentMenu(window)->actions().at(2)->trigger();
    window.settle();
    CHECK(window->captures()->label(window->selection()->state().capture) == QStringLiteral("a.kvh5"));
    CHECK(entriesOf(recentMenu(window)) == "a.kvh5 b.kvh5 run | s.kvsession.json | Clear");
    fs::remove(a);
    recentMenu(window)->actions().front()->trigger(); // is open: nothing is read
    window.settle();
    CHECK_THAT(window.messages(), Contains("a.kvh5") && Contains("does not exist"));
    recentMenu(window)->actions().back()->trigger();
    CHECK(!recentMenu(window)->isEnabled());
    CHECK(entriesOf(recentMenu(window)) == "| | Clear");
    window->close();
    const WindowBench fresh(std::vector<fs::path>{b});
    CHECK(!recentMenu(fresh)->isEnabled()); // of --fresh
}

TEST_CASE("Layout and choices of panels are there again at the next start, and not with --fresh", "[views][io]")
{
    const OwnSettings own;
    const fs::path file = captureFile(own.folder, "a");
    {
        const WindowBench window(remembering({file}));
        window.window->findChild<views::HeadGrid*>()->setMeasure(plot::HeadMeasure::sinkMass);
        for (auto* line : window.window->findChildren<QLineEdit*>())
            if (line->accessibleName() == QStringLiteral("Filter captures"))
                line->setText(QStringLiteral("nothing has this name"));
        CHECK(window->session().panels["captures"]["filter"] == "nothing has this name");
        window->panels()->dock(QStringLiteral("curves"))->hide();
        window->close();
    }
    const WindowBench again(remembering({file}));
    CHECK(again.window->findChild<views::HeadGrid*>()->measure() == plot::HeadMeasure::sinkMass);
    CHECK(again->panels()->dock(QStringLiteral("curves"))->isHidden());
    CHECK(again->session().panels["captures"]["filter"].empty()); // would hide other captures
    const WindowBench fresh(std::vector<fs::path>{file});
    CHECK(fresh.window->findChild<views::HeadGrid*>()->measure() == plot::HeadMeasure::entropy);
    CHECK(!fresh->panels()->dock(QStringLiteral("curves"))->isHidden());
}

TEST_CASE("Several files are dropped at once, good and bad, and something that is no file", "[views][io]")
{
    const ScratchFolder folder;
    const WindowBench window({captureFile(folder, "a")});
    std::ofstream(folder / "bad.kvres.h5") << "x";
    drop(window, {urlOf(captureFile(folder, "b")), urlOf(folder / "bad.kvres.h5"), urlOf(captureFile(folder, "c"))});
    CHECK(window->captures()->size() == 3);
    CHECK(window->captures()->label(window->selection()->state().capture) == QStringLiteral("b.kvh5"));
    CHECK_THAT(window.messages(), Contains("bad.kvres.h5"));
    CHECK(!window->panels()->dock(QStringLiteral("captures"))->isHidden());
    drop(window, {QUrl(QStringLiteral("https://example.org/a.kvh5"))});
    CHECK_THAT(window.messages(), Contains("no file of this machine"));
    CHECK(window->captures()->size() == 3);
    drop(window, {urlOf(folder / "b.kvh5")}); // is there already
    CHECK(window->captures()->size() == 3);
}

TEST_CASE("No key is taken twice, wherever in the window it is defined", "[views][io]")
{
    const ScratchFolder folder;
    views::WindowStart start = remembering({captureFile(folder, "a")});
    start.fresh = true;
    start.runChoices = [] { return views::RunChoices{}; };
    const WindowBench window(start);
    std::multimap<QString, std::string> keys; ///< of the whole window: those of one widget may be the same elsewhere
    for (const QAction* action : window.window->findChildren<QAction*>())
        for (const QKeySequence& key : action->shortcuts())
            if (action->shortcutContext() == Qt::WindowShortcut)
                keys.emplace(key.toString(), action->text().toStdString());
    for (const QShortcut* shortcut : window.window->findChildren<QShortcut*>())
        if (shortcut->context() == Qt::WindowShortcut)
            keys.emplace(shortcut->key().toString(), shortcut->parent()->metaObject()->className());
    for (const QAction* menu : window->menuBar()->actions())
        keys.emplace(QKeySequence::mnemonic(menu->text()).toString(), menu->text().toStdString());
    for (auto key = keys.begin(); key != keys.end(); ++key) {
        CAPTURE(key->first.toStdString(), key->second);
        CHECK(keys.count(key->first) == 1);
    }
    CHECK(keys.size() >= 60);
}

TEST_CASE("Every entry of a menu has a letter of its own or a key", "[views][io]")
{
    const ScratchFolder folder;
    const WindowBench window({captureFile(folder, "a")});
    for (const QAction* top : window->menuBar()->actions()) {
        std::map<QString, QString> letters;
        CHECK(!QKeySequence::mnemonic(top->text()).isEmpty());
        for (const QAction* entry : top->menu()->actions()) {
            if (entry->isSeparator())
                continue;
            const QString letter = QKeySequence::mnemonic(entry->text()).toString();
            CAPTURE(entry->text().toStdString());
            CHECK((!letter.isEmpty() || !entry->shortcuts().isEmpty()));
            if (!letter.isEmpty())
                CHECK(letters.emplace(letter, entry->text()).second);
        }
    }
}

TEST_CASE("Space and Home work in the widget that has the focus, elsewhere they are the window's", "[views][io]")
{
    const ScratchFolder folder;
    const WindowBench window({captureFile(folder, "a"), captureFile(folder, "b")});
    QApplication::setActiveWindow(window.window.get());
    const auto taken = [&](QWidget* widget, int key, const QString& text) {
        widget->setFocus();
        REQUIRE(QApplication::focusWidget() == widget);
        QKeyEvent event(QEvent::ShortcutOverride, key, Qt::NoModifier, text);
        event.ignore();
        QApplication::sendEvent(widget, &event);
        return event.isAccepted();
    };
    for (QWidget* widget : window.window->findChildren<QWidget*>()) {
        if (!widget->isVisible() || !widget->isEnabled() || !(widget->focusPolicy() & Qt::TabFocus) || widget->focusProxy())
            continue;
        const bool table = qobject_cast<QAbstractItemView*>(widget) != nullptr;
        CAPTURE(widget->metaObject()->className(), widget->accessibleName().toStdString());
        if (table || qobject_cast<QAbstractButton*>(widget) || qobject_cast<QComboBox*>(widget))
            CHECK(taken(widget, Qt::Key_Space, QStringLiteral(" ")));
        if (table || qobject_cast<QSlider*>(widget))
            CHECK(taken(widget, Qt::Key_Home, {}));
        if (qobject_cast<QLineEdit*>(widget))
            CHECK(taken(widget, Qt::Key_S, QStringLiteral("s")));
        else if (!qobject_cast<QAbstractSpinBox*>(widget) && !qobject_cast<QPlainTextEdit*>(widget))
            CHECK(!taken(widget, Qt::Key_S, QStringLiteral("s")));
    }
    CHECK(!taken(window->mapView(), Qt::Key_Space, QStringLiteral(" "))); // plays
}

TEST_CASE("Letters of fields and buttons leave the menus theirs and are their own in each panel", "[views][io]")
{
    const ScratchFolder folder;
    views::WindowStart start = remembering({captureFile(folder, "a"), captureFile(folder, "b")});
    start.fresh = true;
    start.runChoices = [] { return views::RunChoices{}; };
    const WindowBench window(start);
    std::map<QString, std::string> menus;
    for (const QAction* menu : window->menuBar()->actions())
        menus.emplace(QKeySequence::mnemonic(menu->text()).toString(), menu->text().toStdString());
    std::map<std::pair<const QWidget*, QString>, std::string> taken;
    for (const QWidget* widget : window.window->findChildren<QWidget*>()) {
        const auto* label = qobject_cast<const QLabel*>(widget);
        const auto* button = qobject_cast<const QAbstractButton*>(widget);
        const QString text = label && label->buddy() ? label->text() : button ? button->text() : QString();
        const QString letter = QKeySequence::mnemonic(text).toString();
        const QWidget* panel = widget->parentWidget(); // a form of runs, a panel or the bar
        while (panel && !dynamic_cast<const views::RunForm*>(panel) && !qobject_cast<const QDockWidget*>(panel)
               && !qobject_cast<const QToolBar*>(panel))
            panel = panel->parentWidget();
        if (letter.isEmpty() || !panel || !widget->isVisibleTo(panel))
            continue;
        CAPTURE(text.toStdString());
        CHECK(!menus.contains(letter));
        CHECK(taken.emplace(std::pair(panel, letter), text.toStdString()).second);
    }
    CHECK(taken.size() >= 30);
    // A button whose letter is taken twice only gets the focus: Start and Save must be pressed at once.
    for (const auto& [where, text] : taken)
        if (where.second == QStringLiteral("Alt+S"))
            CHECK((text == "&Start" || text == "&Save"));
}

TEST_CASE("The sheet of keys opens with ?, lists everything, and closes with Esc", "[views][io]")
{
    const ScratchFolder folder;
    const WindowBench window({captureFile(folder, "a")});
    window->windowActions()->action("keys")->trigger();
    auto* sheet = window.window->findChild<QDialog*>(QStringLiteral("keys"));
    REQUIRE(sheet);
    CHECK(!sheet->isModal());
    QString text;
    for (const auto* column : sheet->findChildren<QLabel*>())
        text += column->text();
    for (const auto& entry : window->windowActions()->entries()) {
        CAPTURE(entry.action->objectName().toStdString());
        CHECK(text.contains(QString(entry.action->text()).remove(QLatin1Char('&')).toHtmlEscaped()));
        CHECK(text.contains(entry.action->shortcut().toString(QKeySequence::NativeText).toHtmlEscaped()));
    }
    sheet->reject();
    QApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
    CHECK(!window.window->findChild<QDialog*>(QStringLiteral("keys")));
}

TEST_CASE("F5 keeps zoom, crosshair, panels and choices", "[views][io]")
{
    const ScratchFolder folder;
    const WindowBench window({captureFile(folder, "a"), captureFile(folder, "b")});
    window.window->findChild<views::HeadGrid*>()->setMeasure(plot::HeadMeasure::sinkMass);
    window.select(1);
    window->selection()->setVisible({20, 40}, {10, 30});
    window->selection()->change([](auto& s) {
        s.layer = 1;
        s.query = 30;
        s.key = 20;
        s.other = 0;
    });
    window->panels()->dock(QStringLiteral("ratios"))->raise();
    window.settle();
    const views::Session before = window->session();
    window->windowActions()->action("reload")->trigger();
    window.settle();
    CHECK(window->session() == before);
    CHECK(window.messages().empty());
    CHECK(window->mapView()->panel().keys == core::Span{10, 30});
    CHECK(window->history()->canGoBack()); // what was done before is still to be undone
}

TEST_CASE("A window with a run going on asks in its bar before it closes", "[views][io]")
{
    const ScratchFolder folder;
    const fs::path program = folder.write("kvviz", "#!/bin/sh\n"
                                                   "trap ': > \"$(dirname \"$0\")/clean\"; exit 130' INT\n"
                                                   ": > \"$(dirname \"$0\")/begun\"\n"
                                                   "while :; do sleep 0.05; done\n");
    fs::permissions(program, fs::perms::owner_all);
    views::WindowStart start = remembering({captureFile(folder, "a")});
    start.fresh = true;
    start.runChoices = [&] {
        views::RunChoices choices;
        choices.program = program;
        choices.tasks = {{"addition", "arithmetic", "Sums.", true, 8}};
        choices.folder = folder / "out";
        return choices;
    };
    WindowBench window(start);
    window->runs()->start();
    REQUIRE(test::waitFor([&] { return fs::exists(folder / "begun"); }));
    CHECK(!window->close());
    CHECK_THAT(window.messages(), Contains("run is going on") && Contains("Close again"));
    CHECK(window->isVisible());
    CHECK(window->runs()->running());
    SECTION("closed again, it stops the run cleanly")
    {
        CHECK(window->close());
        window.window.reset();
        CHECK(fs::exists(folder / "clean"));
    }
    SECTION("once the run is over it closes at once")
    {
        window->runs()->cancel();
        REQUIRE(test::waitFor([&] { return !window->runs()->running(); }));
        CHECK(window->close());
    }
    SECTION("the next run is asked about again")
    {
        window->runs()->cancel();
        REQUIRE(test::waitFor([&] { return !window->runs()->running(); }));
        window->runs()->start();
        CHECK(!window->close());
    }
}

TEST_CASE("A held panel stays at what it shows while the others go on", "[views][io]")
{
    const ScratchFolder folder;
    const WindowBench window({captureFile(folder, "a"), captureFile(folder, "b")});
    const auto titleOf = [&] {
        return std::get<plot::CurveFigure>(window->curveView()->figure()->content).notes.front(); // says the layer
    };
    QApplication::setActiveWindow(window.window.get());
    auto* hold = window->windowActions()->action("hold_panel");
    window->mapView()->setFocus();
    hold->trigger();
    CHECK_THAT(window.messages(), Contains("Cumulative") && Contains("keyboard focus"));
    window.window->findChild<views::MessageBar*>()->clear();
    window->panels()->raise(QStringLiteral("curves"));
    hold->trigger();
    CHECK(window.messages().empty());
    CHECK(window->panels()->dock(QStringLiteral("curves"))->windowTitle().contains(QStringLiteral("held")));
    const std::string before = titleOf();
    window->selection()->change([](auto& s) { s.layer = 1; });
    window.settle();
    CHECK(titleOf() == before);
    CHECK(window->mapView()->panel().layer == 1);
    SECTION("a session keeps it held, and where")
    {
        const views::Session session = window->session();
        const WindowBench other({captureFile(folder, "c")});
        other->apply(views::parseSession(views::sessionText(session, folder.path()), folder.path()));
        other.settle();
        CHECK(other->session().panels == session.panels);
        CHECK(other->panels()->dock(QStringLiteral("curves"))->windowTitle().contains(QStringLiteral("held")));
        CHECK(std::get<plot::CurveFigure>(other->curveView()->figure()->content).notes.front() == before);
        views::Session linked = other->session();
        linked.panels["curves"]["held"] = "nonsense";
        other->apply(linked); // of another version
        other.settle();
        CHECK(other->session().panels["curves"]["held"].empty());
    }
    SECTION("linked again, it shows what the others show")
    {
        window->panels()->raise(QStringLiteral("curves"));
        hold->trigger();
        window.settle();
        CHECK(titleOf() != before);
        CHECK(window->panels()->dock(QStringLiteral("curves"))->windowTitle() == QStringLiteral("Cumulative"));
        CHECK(window->session().panels["curves"]["held"].empty());
    }
    SECTION("what is chosen in a held panel stays in it")
    {
        window->panels()->raise(QStringLiteral("heads"));
        hold->trigger();
        auto* grid = window.window->findChild<views::HeadGrid*>();
        Q_EMIT grid->canvas()->chosen(0, 3);
        window.settle();
        CHECK(window->selection()->state().head == 1);
        CHECK(window->selection()->state().layer == 1);
    }
}

TEST_CASE("The value and the row under the crosshair can be copied", "[views][io]")
{
    const ScratchFolder folder;
    const WindowBench window({captureFile(folder, "a"), captureFile(folder, "b")});
    const auto copied = [&](const char* action) {
        QApplication::clipboard()->setText(QStringLiteral("nothing"));
        window->windowActions()->action(action)->trigger();
        return QApplication::clipboard()->text();
    };
    CHECK(copied("copy_value") == QStringLiteral("nothing"));
    CHECK_THAT(window.messages(), Contains("no crosshair"));
    window->selection()->change([](auto& s) {
        s.query = 50;
        s.key = 20;
    });
    window->selection()->setVisible({40, 60}, {10, 60});
    window.settle();
    CHECK_THAT(copied("copy_value").toStdString(), Contains("query 50") && Contains("key 20"));
    const QStringList lines = copied("copy_row").split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    REQUIRE(lines.size() == 51); // with its line of headings
    CHECK(lines.front().endsWith(QStringLiteral("query 50")));
    CHECK(lines[1].startsWith(QStringLiteral("10\t10\t")));
    CHECK(lines[41].section(QLatin1Char('\t'), 3, 3).toDouble() > 0); // key 50, the diagonal
    CHECK(lines[42].section(QLatin1Char('\t'), 3, 3).isEmpty());      // beyond it, masked
    // The very numbers of the capture.
    const test::SyntheticCapture source;
    const double value = lines[11].section(QLatin1Char('\t'), 3, 3).toDouble();
    CHECK(value == Approx(source.fullMap(0)[static_cast<std::size_t>((1 * 70 + 50) * 70 + 20)]).epsilon(2e-3));
    window->selection()->change([](auto& s) { s.other = 1; });
    window.settle();
    CHECK(copied("copy_row").section(QLatin1Char('\n'), 0, 0).endsWith(QStringLiteral("A\tB")));
}
