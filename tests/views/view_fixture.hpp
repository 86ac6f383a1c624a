// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// What a single view needs to be tested without a window: captures on disk, a selection, and an event loop to wait in.
#pragma once

#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/synthetic_file.hpp"
#include "views/view.hpp"

#include <QApplication>
#include <QElapsedTimer>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QThread>

#include <memory>

namespace kvviz::test {

/// Runs the event loop until the condition holds; false after 20 seconds.
template <typename Condition>
bool waitUntil(Condition&& condition)
{
    QElapsedTimer timer;
    timer.start();
    while (!condition() && timer.elapsed() < 20'000) {
        QApplication::processEvents(QEventLoop::AllEvents, 20);
        QThread::msleep(1);
    }
    return condition();
}

/// Captures in a folder of their own, in the order given, with the selection and context that views are made of.
class ViewBench {
public:
    explicit ViewBench(std::vector<SyntheticCapture> captures)
    {
        std::vector<io::CaptureRef> refs;
        for (std::size_t i = 0; i < captures.size(); ++i) {
            refs.push_back({folder / (std::to_string(i) + ".kvh5"), "/"});
            writeSynthetic(captures[i], refs.back().file);
        }
        list = std::make_unique<views::CaptureList>(refs);
    }
    [[nodiscard]] views::ViewContext context() { return {&selection, list.get(), nullptr}; }

    ScratchFolder folder;
    std::unique_ptr<views::CaptureList> list;
    views::Selection selection;
};

inline SyntheticCapture syntheticOf(core::Tier tier, SyntheticOptions options = {})
{
    SyntheticCapture capture(options);
    capture.mutableInfo().tier = tier;
    return capture;
}

inline void pressKey(QWidget* widget, int key)
{
    QKeyEvent press(QEvent::KeyPress, key, Qt::NoModifier);
    QApplication::sendEvent(widget, &press);
}

inline void click(QWidget* widget, QPointF place)
{
    QMouseEvent press(QEvent::MouseButtonPress, place, widget->mapToGlobal(place), Qt::LeftButton, Qt::LeftButton,
                      Qt::NoModifier);
    QApplication::sendEvent(widget, &press);
    QMouseEvent release(QEvent::MouseButtonRelease, place, widget->mapToGlobal(place), Qt::LeftButton, Qt::NoButton,
                        Qt::NoModifier);
    QApplication::sendEvent(widget, &release);
}

inline void hover(QWidget* widget, QPointF place)
{
    QMouseEvent move(QEvent::MouseMove, place, widget->mapToGlobal(place), Qt::NoButton, Qt::NoButton, Qt::NoModifier);
    QApplication::sendEvent(widget, &move);
}

/// The view is shown at this size and has read what it wants.
template <typename View>
void present(View& view, QSize size)
{
    view.resize(size);
    view.show();
    REQUIRE(waitUntil([&] { return !view.busy(); }));
    QApplication::processEvents();
    (void)view.grab();
}

} // namespace kvviz::test
