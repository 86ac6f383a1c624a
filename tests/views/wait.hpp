// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Lets the event loop run until something holds.
#pragma once

#include <QApplication>
#include <QElapsedTimer>
#include <QThread>

namespace kvviz::test {

/// False if it does not hold after 20 seconds.
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

} // namespace kvviz::test
