// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Of the changes that a slider makes, the newest one a frame: the first at once, the last never lost.
#pragma once

#include <QTimer>

#include <functional>
#include <utility>

namespace kvviz::views {

class FrameThrottle {
public:
    FrameThrottle()
    {
        m_timer.setSingleShot(true);
        m_timer.setInterval(kFrameMs);
        m_timer.setTimerType(Qt::PreciseTimer);
        QObject::connect(&m_timer, &QTimer::timeout, &m_timer, [this] {
            if (m_waiting)
                run(std::exchange(m_waiting, {}));
        });
    }
    /// `change` replaces one that waits for the end of the frame.
    void call(std::function<void()> change)
    {
        if (m_timer.isActive())
            m_waiting = std::move(change);
        else
            run(change);
    }
    /// What waits is done now.
    void flush()
    {
        if (m_waiting)
            run(std::exchange(m_waiting, {}));
    }

private:
    static constexpr int kFrameMs = 16;
    void run(const std::function<void()>& change)
    {
        m_timer.start();
        change();
    }
    QTimer m_timer;
    std::function<void()> m_waiting;
};

} // namespace kvviz::views
