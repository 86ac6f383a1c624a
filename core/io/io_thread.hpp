// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One thread that makes the HDF5 calls of a writer, fed through a queue that is bounded by bytes: compute and write
// overlap, memory stays bounded. The first error stops the work and is thrown at the next call.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

namespace kvviz::io {

class IoThread {
public:
    explicit IoThread(std::size_t maxBytes);
    /// Drops what is still queued.
    ~IoThread();
    IoThread(const IoThread&) = delete;
    IoThread& operator=(const IoThread&) = delete;

    /// Queues work that holds `bytes`; waits while the queue is full. Throws the first error of earlier work.
    void post(std::function<void()> work, std::size_t bytes);
    /// Runs work after all that is queued, and waits for it. Throws its error or the first one before it.
    void call(std::function<void()> work);
    /// Runs work even after an error (to clean up), and waits for it; its own errors are dropped.
    void callAlways(std::function<void()> work) noexcept;

    /// True after the first error.
    [[nodiscard]] bool failed();

private:
    struct Item {
        std::function<void()> work;
        std::size_t bytes = 0;
        bool always = false;
        std::promise<void>* done = nullptr; ///< of the caller that waits
    };
    void run();
    void push(Item item);

    const std::size_t m_maxBytes;
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::deque<Item> m_queue;
    std::size_t m_queuedBytes = 0;
    std::exception_ptr m_error;
    bool m_stop = false;
    std::thread m_thread; // last: starts when all else is there
};

} // namespace kvviz::io
