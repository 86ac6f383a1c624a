// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Wall time of a stretch of work.
#pragma once

#include <chrono>

namespace kvviz::core {

/// Runs from its construction on.
class Stopwatch {
public:
    /// Since the start or the last lap.
    [[nodiscard]] double seconds() const { return std::chrono::duration<double>(Clock::now() - m_start).count(); }
    /// The same, and the next lap starts.
    double lap()
    {
        const Clock::time_point now = Clock::now();
        const std::chrono::duration<double> passed = now - m_start;
        m_start = now;
        return passed.count();
    }

private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point m_start = Clock::now();
};

} // namespace kvviz::core
