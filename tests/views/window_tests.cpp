// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The window without a display: selection, reading off the GUI thread, faults in the message bar, light and dark.
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"
#include "views/background_task.hpp"
#include "views/curve_view.hpp"
#include "views/main_window.hpp"
#include "views/map_view.hpp"

#include <QAction>
#include <QApplication>
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

std::unique_ptr<views::MainWindow> openWindow(const std::vector<std::filesystem::path>& files)
{
    auto window =
        std::make_unique<views::MainWindow>(std::make_unique<views::CaptureList>(io::findCaptures(files)), 0, 1);
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
    CHECK(std::get<plot::CurveFigure>(window->curveView()->figure()->content).panels.front().series.size() == 2);
    Selection* selection = window->selection();
    selection->change([](auto& s) { s.layer = 1; });
    selection->change([](auto& s) { s.head = -1; });
    selection->change([](auto& s) { s.withoutSinks = true; });
    REQUIRE(waitFor([&] { return window->settled(); }));
    CHECK(window->mapView()->panel().layer == 1);
    CHECK(window->mapView()->panel().heads.size() == 4);
    CHECK(std::get<plot::CurveFigure>(window->curveView()->figure()->content).panels.front().series.size() == 1);
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
        views::MainWindow window(std::make_unique<views::CaptureList>(io::findCaptures({file})), 0, -1);
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

TEST_CASE("Every action of the window has a shortcut of its own", "[views][io]")
{
    const test::ScratchFolder folder;
    const auto window = openWindow({writeCapture(folder, "a", core::Tier::full)});
    QSet<QString> shortcuts;
    REQUIRE(window->actions().size() >= 6);
    for (const QAction* action : window->actions()) {
        CHECK(!action->shortcut().isEmpty());
        CHECK(!shortcuts.contains(action->shortcut().toString()));
        shortcuts.insert(action->shortcut().toString());
    }
}
