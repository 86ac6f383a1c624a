// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Parallel loops that may throw. An exception that leaves an OpenMP region ends the process, so it is kept and thrown
// again after the loop. Files that include this are compiled with OpenMP; without it the loops run in order.
#pragma once

#include <cstdint>
#include <exception>
#include <mutex>

namespace kvviz::core {

/// Runs work on many threads and keeps the first exception; work that starts later is left out.
class FirstException {
public:
    template <class Work>
    void guard(Work&& work) noexcept
    {
        try {
            if (!failed())
                work();
        } catch (...) {
            const std::lock_guard lock(m_mutex);
            if (!m_exception)
                m_exception = std::current_exception();
        }
    }

    void rethrow() const
    {
        if (m_exception)
            std::rethrow_exception(m_exception);
    }

private:
    [[nodiscard]] bool failed()
    {
        const std::lock_guard lock(m_mutex);
        return m_exception != nullptr;
    }

    std::mutex m_mutex;
    std::exception_ptr m_exception;
};

/// Calls body(0) .. body(count - 1) on all threads, one at a time to whichever is free; throws what body threw first.
template <class Body>
void parallelFor(std::int64_t count, Body&& body)
{
    FirstException first;
#pragma omp parallel for schedule(dynamic, 1)
    for (std::int64_t i = 0; i < count; ++i)
        first.guard([&] { body(i); });
    first.rethrow();
}

/// The same on at most `threads` threads; 0: all.
template <class Body>
void parallelFor(std::int64_t count, int threads, Body&& body)
{
    if (threads <= 0)
        return parallelFor(count, body);
    FirstException first;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (std::int64_t i = 0; i < count; ++i)
        first.guard([&] { body(i); });
    first.rethrow();
}

} // namespace kvviz::core
