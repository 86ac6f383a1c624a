// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The window without a display: selection, reading off the GUI thread, faults in the message bar, light and dark.
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"
#include "views/background_task.hpp"
#include "views/capture_browser.hpp"
#include "views/curve_view.hpp"
#include "views/main_window.hpp"
#include "views/map_view.hpp"

#include <QAction>
#include <QApplication>
#include <QDockWidget>
#include <QElapsedTimer>
#include <QSet>
#include <QThread>

#include <fstream>
#include <mutex>

using namespace kvviz;
using views::Selection;

namespace {

template <typename Condition>
bool waitFor(Condition&& condition)
{
    QElapsedTimer timer;
    timer.start();
    while (!condition() && timer.elapsed() < 20'000) {
        QApplication::processEvents(QEventLoop::AllEvents, 20);
        QThread::msleep(1);
    }
    return condition();
}

views::WindowStart startWith(const std::vector<std::filesystem::path>& files, int head = 1)
{
    views::WindowStart start;
    start.session.captures = io::findCaptures(files);
    start.session.selection.head = head;
    return start;
}

std::unique_ptr<views::MainWindow> openWindow(const std::vector<std::filesystem::path>& files)
{
    auto window = std::make_unique<views::MainWindow>(startWith(files));
    window->resize(1280, 800);
    window->show();
    REQUIRE(waitFor([&] { return window->settled(); }));
    QApplication::processEvents(); // queued repaints
    (void)window->grab();
    return window;
}

std::filesystem::path writeCapture(const test::ScratchFolder& folder, const std::string& name, core::Tier tier)
{
    test::SyntheticCapture capture;
    capture.mutableInfo().tier = tier;
    capture.mutableInfo().prompt.task = name;
    test::writeSynthetic(capture, folder / (name + ".kvh5"));
    return folder / (name + ".kvh5");
}

} // namespace

TEST_CASE("A selection tells what changed, once, and only when something did", "[views]")
{
    Selection selection;
    std::vector<Selection::Parts> heard;
    QObject::connect(&selection, &Selection::changed, [&](Selection::Parts parts) { heard.push_back(parts); });
    selection.change([](auto& s) { s.layer = 3; });
    selection.change([](auto& s) { s.layer = 3; });
    selection.change([](auto& s) { s.head = -1; }); // as it was
    selection.change([](auto& s) { s.withoutSinks = true; });
    selection.setVisible({0, 10}, {0, 20});
    selection.change([](auto& s) { s.logarithmic = false; });
    REQUIRE(heard.size() == 4);
    CHECK(heard[0] == Selection::Parts(Selection::map));
    CHECK(heard[1] == Selection::Parts(Selection::sinks));
    CHECK(heard[2] == Selection::Parts(Selection::range));
    CHECK(heard[3] == Selection::Parts(Selection::colors));
    selection.setCapture(1);
    CHECK(heard.back() == (Selection::capture | Selection::range));
    CHECK(selection.state().keys.empty());
    const auto state = selection.state();
    selection.setState({});
    selection.setState(state);
    CHECK(selection.state() == state);
}

TEST_CASE("Of many requests only the newest is delivered, off the GUI thread", "[views]")
{
    views::BackgroundTask task;
    std::mutex gate;
    std::atomic<int> ran{0};
    std::vector<int> delivered;
    bool otherThread = false;
    gate.lock();
    for (int i = 0; i < 50; ++i)
        task.run([&, i]() -> views::BackgroundTask::Finish {
            const std::lock_guard wait(gate);
            ++ran;
            otherThread = QThread::currentThread() != QApplication::instance()->thread();
            return [&, i] {
                delivered.push_back(i);
            };
        });
    gate.unlock();
    REQUIRE(waitFor([&] { return !task.busy(); }));
    CHECK(delivered == std::vector<int>{49});
    CHECK(ran <= 2); // the first was in flight, all between were dropped
    CHECK(otherThread);
}

TEST_CASE("An exception in the background becomes a message", "[views]")
{
    views::BackgroundTask task;
    QString message;
    QObject::connect(&task, &views::BackgroundTask::failed, [&](const QString& text) { message = text; });
    task.run([]() -> views::BackgroundTask::Finish { throw core::Error(core::ErrorCode::badInput, "no such array"); });
    REQUIRE(waitFor([&] { return !task.busy(); }));
    CHECK(message == QStringLiteral("no such array"));
}

TEST_CASE("The window follows the selection: layer, head, sinks, zoom", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto window = openWindow({writeCapture(folder, "a", core::Tier::full)});
    CHECK(window->message().isEmpty());
    CHECK(window->mapView()->panel().heads == std::vector<int>{1});
    CHECK(std::get<plot::CurveFigure>(window->curveView()->figure()->content).panels.front().series.size() == 3);
    Selection* selection = window->selection();
    selection->change([](auto& s) { s.layer = 1; });
    selection->change([](auto& s) { s.head = -1; });
    selection->change([](auto& s) { s.withoutSinks = true; });
    REQUIRE(waitFor([&] { return window->settled(); }));
    CHECK(window->mapView()->panel().layer == 1);
    CHECK(window->mapView()->panel().heads.size() == 4);
    CHECK(std::get<plot::CurveFigure>(window->curveView()->figure()->content).panels.front().series.size() == 2);
    selection->setVisible({20, 40}, {10, 30});
    CHECK(window->mapView()->panel().keys == core::Span{10, 30}); // at once, from the cells that are there
    REQUIRE(waitFor([&] { return window->settled(); }));
    CHECK(window->mapView()->panel().queries == core::Span{20, 40});
    CHECK(!window->mapView()->panel().tokenTexts.empty());
}

TEST_CASE("The readout names query, key, their texts and the value", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto window = openWindow({writeCapture(folder, "a", core::Tier::full)});
    const auto* map = window->mapView();
    QRectF place;
    for (const auto* rect : map->plot()->axisRects())
        if (rect->rect().width() * rect->rect().height() > place.width() * place.height())
            place = rect->rect();
    const QString text = map->readout(QPointF(place.left() + 2, place.bottom() - 2));
    CHECK(text.contains(QStringLiteral("query 69")));
    CHECK(text.contains(QStringLiteral("key 0 \u201cw0")));
    CHECK(map->readout(QPointF(place.right() - 2, place.top() + 2)).contains(QStringLiteral("masked")));
    CHECK(map->readout(QPointF(1, 1)).isEmpty());
}

TEST_CASE("A capture that cannot be shown is told in the window, the others still work", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto good = writeCapture(folder, "a", core::Tier::full);
    const auto doomed = writeCapture(folder, "b", core::Tier::full);
    const auto stats = writeCapture(folder, "c", core::Tier::stats);
    const auto window = openWindow({good, doomed, stats});
    std::filesystem::remove(doomed);
    std::ofstream(doomed) << "not a capture";
    window->selection()->setCapture(1);
    REQUIRE(waitFor([&] { return window->settled(); }));
    CHECK(window->message().contains(QStringLiteral("b.kvh5")));
    window->selection()->setCapture(2);
    REQUIRE(waitFor([&] { return window->settled(); }));
    CHECK(window->message().contains(QStringLiteral("stats")));
    window->selection()->setCapture(0);
    REQUIRE(waitFor([&] { return window->settled(); }));
    CHECK(window->message().isEmpty());
    CHECK(window->mapView()->map());
}

TEST_CASE("A window can be closed while it reads", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto file = writeCapture(folder, "a", core::Tier::full);
    for (int i = 0; i < 5; ++i) {
        views::MainWindow window(startWith({file}, -1));
        window.show();
        window.selection()->change([](auto& s) { s.layer = 1; });
        CHECK_FALSE(window.settled());
    }
}

TEST_CASE("Plots follow light and dark palettes", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto window = openWindow({writeCapture(folder, "a", core::Tier::full)});
    const auto corner = [&] {
        return window->mapView()->grab().toImage().pixelColor(1, 1).lightnessF();
    };
    CHECK(corner() > 0.9);
    QPalette dark;
    dark.setColor(QPalette::Window, QColor(40, 40, 44));
    dark.setColor(QPalette::Base, QColor(30, 30, 34));
    dark.setColor(QPalette::WindowText, Qt::white);
    window->setPalette(dark);
    REQUIRE(waitFor([&] { return corner() < 0.2; }));
}

TEST_CASE("Every action of the window has a name, a place in a menu and shortcuts of its own", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto window = openWindow({writeCapture(folder, "a", core::Tier::full)});
    QSet<QString> shortcuts;
    const auto& entries = window->windowActions()->entries();
    REQUIRE(entries.size() >= 25);
    for (const auto& entry : entries) {
        CAPTURE(entry.action->objectName().toStdString());
        CHECK(!entry.action->text().isEmpty());
        CHECK(entry.action->associatedWidgets().contains(window->windowActions()->menu(entry.menu)));
        CHECK(!entry.action->shortcuts().isEmpty());
        for (const QKeySequence& key : entry.action->shortcuts()) {
            CHECK(!key.isEmpty());
            CHECK(!shortcuts.contains(key.toString()));
            shortcuts.insert(key.toString());
        }
    }
    const QString sheet = window->windowActions()->sheet();
    CHECK(sheet.count(QStringLiteral("<tr>")) == static_cast<int>(entries.size()));
}

TEST_CASE("Actions change the selection, and back undoes them", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto window =
        openWindow({writeCapture(folder, "a", core::Tier::full), writeCapture(folder, "b", core::Tier::full)});
    const auto* actions = window->windowActions();
    const views::SelectionState first = window->selection()->state();
    const auto press = [&](const char* name) {
        REQUIRE(actions->action(name));
        actions->action(name)->trigger();
        REQUIRE(waitFor([&] { return window->settled(); }));
        return window->selection()->state();
    };
    CHECK(!actions->action("back")->isEnabled());
    CHECK(press("next_layer").layer == first.layer + 1);
    CHECK(press("next_head").head == first.head + 1);
    CHECK(press("all_heads").head == -1);
    CHECK(press("sinks").withoutSinks);
    CHECK(press("pooling").pooling == io::Pooling::mean);
    CHECK(press("difference").other == 1);
    CHECK(press("difference").other == -1);
    CHECK(press("less").ratio == Approx(0.45));
    CHECK(press("next_capture").capture == 1);
    for (int i = 0; i < 9; ++i)
        press("back");
    CHECK(window->selection()->state() == first);
    CHECK(!actions->action("back")->isEnabled());
    CHECK(press("forward").layer == first.layer + 1);
}

TEST_CASE("A file that is opened, dropped or reloaded is shown, and keeps the view", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto file = writeCapture(folder, "a", core::Tier::full);
    const auto more = writeCapture(folder, "b", core::Tier::full);
    const auto window = openWindow({file});
    std::ofstream(folder / "bad.kvh5") << "not a capture";
    window->open({folder / "bad.kvh5", more, folder / "missing.kvh5"});
    REQUIRE(waitFor([&] { return window->settled(); }));
    CHECK(window->captures()->size() >= 2);
    CHECK(window->selection()->state().capture >= 1);
    const auto* bar = window->findChild<views::MessageBar*>();
    CHECK(bar->messages().join(QLatin1Char(' ')).contains(QStringLiteral("missing.kvh5")));
    window->selection()->setCapture(window->captures()->find({more, "/"}));
    REQUIRE(waitFor([&] { return window->settled(); }));
    window->selection()->setVisible({20, 40}, {10, 30});
    window->selection()->change([](auto& s) { s.layer = 1; });
    REQUIRE(waitFor([&] { return window->settled(); }));
    const views::SelectionState before = window->selection()->state();
    window->windowActions()->action("reload")->trigger();
    REQUIRE(waitFor([&] { return window->settled(); }));
    CHECK(window->selection()->state() == before);
    CHECK(window->mapView()->panel().keys == core::Span{10, 30});
    CHECK(window->browser()->model()->rowCount() == window->captures()->size());
}

TEST_CASE("A capture that vanishes while it is open is told, and F5 finds it again", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto file = writeCapture(folder, "a", core::Tier::full);
    const auto window = openWindow({file});
    std::filesystem::rename(file, folder / "elsewhere");
    window->reload();
    REQUIRE(waitFor([&] { return window->settled(); }));
    CHECK(window->message().contains(QStringLiteral("a.kvh5")));
    std::filesystem::rename(folder / "elsewhere", file);
    window->reload();
    REQUIRE(waitFor([&] { return window->settled(); }));
    CHECK(window->message().isEmpty());
    CHECK(window->mapView()->map());
}

TEST_CASE("The window comes back from a session as it was", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto file = writeCapture(folder, "a", core::Tier::full);
    const auto other = writeCapture(folder, "b", core::Tier::full);
    views::Session saved;
    {
        const auto window = openWindow({file, other});
        window->selection()->setCapture(1);
        window->selection()->change([](auto& s) {
            s.layer = 1;
            s.head = 2;
            s.withoutSinks = true;
            s.ratio = 0.3;
        });
        window->panels()->dock(QStringLiteral("curves"))->hide();
        window->windowActions()->action("larger_text")->trigger();
        REQUIRE(waitFor([&] { return window->settled(); }));
        saved = window->session();
        views::saveSession(saved, folder / "s.kvsession.json");
    }
    const auto window = openWindow({file});
    window->open({folder / "s.kvsession.json"});
    REQUIRE(waitFor([&] { return window->settled(); }));
    CHECK(window->message().isEmpty());
    CHECK(window->captures()->refs() == saved.captures);
    CHECK(window->selection()->state() == saved.selection);
    CHECK(window->session().fontScale == Approx(1.2));
    CHECK(!window->panels()->dock(QStringLiteral("curves"))->isVisible());
    CHECK(!window->history()->canGoBack());
}
