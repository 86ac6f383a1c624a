// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// How far a started program is, from what it writes on standard error with KVVIZ_PROGRESS=lines ("@progress DONE TOTAL
// PHASE") and from its notes "[2/10] ...". No clock of its own, so that it can be tested.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kvviz::views {

class RunProgress {
public:
    /// True if the line was progress; false if it is for people to read (its "[2/10]" is noted all the same).
    bool take(std::string_view line, double seconds);

    [[nodiscard]] const std::string& phase() const { return m_phase; } ///< "prefill"
    /// Number of the prompt or capture at work, from 1, and how many there are; 0 where there is one only.
    [[nodiscard]] std::int64_t job() const { return m_job; }
    [[nodiscard]] std::int64_t jobs() const { return m_jobs; }
    /// Part that is done: of the jobs where there are several, else of the phase; nothing while it is not known.
    [[nodiscard]] std::optional<double> share() const;
    /// Seconds that are left if it goes on as it did, at `seconds` since the start.
    [[nodiscard]] std::optional<double> remaining(double seconds) const;
    /// "prompt 2 of 10, prefill, about 1:20 left"
    [[nodiscard]] std::string text(double seconds) const;

private:
    std::string m_phase;
    std::int64_t m_done = 0, m_total = 0, m_first = 0;
    std::int64_t m_job = 0, m_jobs = 0;
    double m_phaseBegin = 0;
};

} // namespace kvviz::views
