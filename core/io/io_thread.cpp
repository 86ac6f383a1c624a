// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// The queue and its loop.
#include "core/io/io_thread.hpp"

namespace kvviz::io {

IoThread::IoThread(std::size_t maxBytes) : m_maxBytes(maxBytes), m_thread([this] { run(); }) {}

IoThread::~IoThread()
{
    {
        const std::lock_guard lock(m_mutex);
        m_stop = true;
        m_queue.clear();
    }
    m_changed.notify_all();
    m_thread.join();
}

void IoThread::push(Item item)
{
    {
        std::unique_lock lock(m_mutex);
        // One item is always let in, however large.
        m_changed.wait(lock, [&] {
            return item.always || m_error || m_queuedBytes == 0 || m_queuedBytes + item.bytes <= m_maxBytes;
        });
        if (m_error && !item.always)
            std::rethrow_exception(m_error);
        m_queuedBytes += item.bytes;
        m_queue.push_back(std::move(item));
    }
    m_changed.notify_all();
}

void IoThread::post(std::function<void()> work, std::size_t bytes) { push({std::move(work), bytes, false, nullptr}); }

void IoThread::call(std::function<void()> work)
{
    std::promise<void> done;
    std::future<void> result = done.get_future();
    push({std::move(work), 0, false, &done});
    result.get();
}

void IoThread::callAlways(std::function<void()> work) noexcept
{
    try {
        std::promise<void> done;
        std::future<void> result = done.get_future();
        push({std::move(work), 0, true, &done});
        result.get();
    } catch (...) { // the caller is unwinding already; the first error has been reported
    }
}

bool IoThread::failed()
{
    const std::lock_guard lock(m_mutex);
    return m_error != nullptr;
}

void IoThread::run()
{
    for (;;) {
        Item item;
        std::exception_ptr error;
        {
            std::unique_lock lock(m_mutex);
            m_changed.wait(lock, [&] { return m_stop || !m_queue.empty(); });
            if (m_queue.empty())
                return;
            item = std::move(m_queue.front());
            m_queue.pop_front();
            error = item.always ? nullptr : m_error;
        }
        if (!error) {
            try {
                item.work();
            } catch (...) {
                error = std::current_exception();
            }
        }
        item.work = nullptr; // frees what it holds before the bytes are given back
        {
            const std::lock_guard lock(m_mutex);
            m_queuedBytes -= item.bytes;
            if (!m_error && !item.always)
                m_error = error;
        }
        m_changed.notify_all();
        if (item.done)
            error ? item.done->set_exception(error) : item.done->set_value();
    }
}

} // namespace kvviz::io
