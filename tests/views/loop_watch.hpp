// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Watches the event loop: how long the GUI thread was not free to look at the next event. It runs the loop itself, turn
// by turn, so that nothing is missed between two ticks of a timer.
#pragma once

#include <QAbstractEventDispatcher>
#include <QApplication>
#include <QElapsedTimer>
#include <QThread>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <map>
#include <string>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace kvviz::test {

/// One turn of the event loop, or what a test does in place of one; milliseconds.
struct Hold {
    std::string what;
    double clock = 0; ///< from begin to end
    double held = 0;  ///< of that, running or waiting for something, but not for a processor that others were using
};

class LoopWatch {
public:
    LoopWatch() : m_statistics(open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}
    ~LoopWatch()
    {
        if (m_statistics >= 0)
            close(m_statistics);
    }
    LoopWatch(const LoopWatch&) = delete;
    LoopWatch& operator=(const LoopWatch&) = delete;

    /// What a handler of a mouse or key event would do, timed as one turn.
    template <typename Action>
    Hold act(const std::string& what, Action&& action)
    {
        QElapsedTimer clock;
        clock.start();
        const double waitedBefore = waited();
        action();
        Hold hold{what, static_cast<double>(clock.nsecsElapsed()) / 1e6, 0};
        hold.held = std::max(0.0, hold.clock - (waited() - waitedBefore));
        if (hold.held > m_worst.held)
            m_worst = hold;
        double& worst = m_byKind[what];
        worst = std::max(worst, hold.held);
        return hold;
    }
    /// One turn: everything that has happened so far. Sleeps a little when nothing has.
    void turn(const std::string& what)
    {
        bool any = false;
        act(what, [&] {
            any = QAbstractEventDispatcher::instance()->processEvents(QEventLoop::AllEvents);
            QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
        });
        if (!any)
            QThread::usleep(200);
    }
    /// Turns for so many milliseconds.
    void run(const std::string& what, int milliseconds)
    {
        QElapsedTimer clock;
        for (clock.start(); clock.elapsed() < milliseconds;)
            turn(what);
    }
    /// Turns until it holds; false if it does not after 20 seconds.
    template <typename Condition>
    bool until(const std::string& what, Condition&& condition)
    {
        QElapsedTimer clock;
        clock.start();
        while (!condition() && clock.elapsed() < 20'000)
            turn(what);
        return condition();
    }
    [[nodiscard]] const Hold& worst() const { return m_worst; }
    Hold takeWorst() { return std::exchange(m_worst, {}); }
    /// The longest holds, milliseconds, by what was done; never forgotten.
    [[nodiscard]] const std::map<std::string, double>& byKind() const { return m_byKind; }

    /// Processor time of this thread, milliseconds.
    [[nodiscard]] static double processorTime()
    {
        timespec now{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
    }

private:
    /// Milliseconds that this thread was ready to run and did not: the second number of its statistics. 0 on systems
    /// that do not count it.
    [[nodiscard]] double waited() const
    {
        char text[96] = {};
        if (m_statistics < 0 || pread(m_statistics, text, sizeof text - 1, 0) <= 0)
            return 0;
        char* end = nullptr;
        (void)std::strtoull(text, &end, 10);
        return static_cast<double>(std::strtoull(end, nullptr, 10)) / 1e6;
    }

    int m_statistics;
    Hold m_worst;
    std::map<std::string, double> m_byKind;
};

} // namespace kvviz::test
