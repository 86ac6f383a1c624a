// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/background_task.hpp"

#include <exception>

namespace kvviz::views {

BackgroundTask::BackgroundTask(QObject* parent) : QObject(parent)
{
    m_pool.setMaxThreadCount(1); // files are read by one thread at a time anyway
}

BackgroundTask::~BackgroundTask()
{
    ++*m_newest;
    m_pool.clear();
    m_pool.waitForDone();
}

void BackgroundTask::run(Work work)
{
    const quint64 number = ++*m_newest;
    m_busy = true;
    m_pool.clear(); // what has not begun is out of date
    m_pool.start([this, number, newest = m_newest, work = std::move(work)] {
        if (number != *newest)
            return;
        Finish finish;
        QString error;
        try {
            finish = work();
        } catch (const std::exception& exception) {
            error = QString::fromUtf8(exception.what());
        }
        // The destructor waits for this thread, so `this` is alive here.
        QMetaObject::invokeMethod(
            this, [this, number, finish, error] { deliver(number, finish, error); }, Qt::QueuedConnection);
    });
}

void BackgroundTask::deliver(quint64 number, const Finish& finish, const QString& error)
{
    if (number != *m_newest)
        return;
    m_busy = false;
    if (!error.isEmpty())
        Q_EMIT failed(error);
    else if (finish)
        finish();
    Q_EMIT idle();
}

} // namespace kvviz::views
