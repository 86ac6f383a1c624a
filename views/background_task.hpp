// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Work off the GUI thread where only the newest request counts: older ones that wait are dropped unseen, results that
// come too late are thrown away.
#pragma once

#include <QObject>
#include <QThreadPool>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

namespace kvviz::views {

class BackgroundTask : public QObject {
    Q_OBJECT

public:
    /// What to do with the result, on the GUI thread.
    using Finish = std::function<void()>;
    /// Runs on another thread; must not touch widgets.
    using Work = std::function<Finish()>;

    explicit BackgroundTask(QObject* parent = nullptr);
    /// Waits for the work in flight.
    ~BackgroundTask() override;

    void run(Work work);
    [[nodiscard]] bool busy() const { return m_busy; }

Q_SIGNALS:
    /// The work threw; the message of its error.
    void failed(const QString& message);
    /// The newest request is done (or failed).
    void idle();

private:
    void deliver(quint64 number, const Finish& finish, const QString& error);

    QThreadPool m_pool;
    std::shared_ptr<std::atomic<quint64>> m_newest = std::make_shared<std::atomic<quint64>>(0);
    bool m_busy = false;
};

} // namespace kvviz::views
