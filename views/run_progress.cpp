// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
#include "views/run_progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace kvviz::views {

namespace {

/// A whole number at the start of `text`, which then begins behind it.
std::optional<std::int64_t> takeNumber(std::string_view& text)
{
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || value < 0)
        return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

bool takeText(std::string_view& text, std::string_view wanted)
{
    if (!text.starts_with(wanted))
        return false;
    text.remove_prefix(wanted.size());
    return true;
}

/// The numbers of "[2/10] ", which is cut off.
std::optional<std::pair<std::int64_t, std::int64_t>> takeJob(std::string_view& text)
{
    std::string_view rest = text;
    if (!takeText(rest, "["))
        return std::nullopt;
    const auto number = takeNumber(rest);
    if (!number || !takeText(rest, "/"))
        return std::nullopt;
    const auto count = takeNumber(rest);
    if (!count || !takeText(rest, "] ") || *number < 1 || *number > *count)
        return std::nullopt;
    text = rest;
    return std::pair{*number, *count};
}

std::string clockText(double seconds)
{
    const auto whole = static_cast<long long>(std::ceil(seconds));
    return whole >= 3600 ? fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
                         : fmt::format("{}:{:02}", whole / 60, whole % 60);
}

} // namespace

bool RunProgress::take(std::string_view line, double seconds)
{
    std::string_view rest = line;
    if (!takeText(rest, "@progress ")) {
        if (const auto job = takeJob(rest)) { // a finished one of several
            m_jobs = job->second;
            m_job = std::min(job->first + 1, job->second);
            m_done = m_total = 0;
            m_phase = job->first == job->second ? "done" : "";
        }
        return false;
    }
    const auto done = takeNumber(rest);
    const auto total = done && takeText(rest, " ") ? takeNumber(rest) : std::nullopt;
    if (!total || !takeText(rest, " "))
        return false;
    if (const auto job = takeJob(rest)) { // the one at work
        m_job = job->first;
        m_jobs = job->second;
    }
    if (rest != m_phase || *done < m_done) {
        m_phase = rest;
        m_phaseBegin = seconds;
        m_first = *done;
    }
    m_done = *done;
    m_total = *total;
    return true;
}

std::optional<double> RunProgress::share() const
{
    const double part = m_total > 0 ? std::min(1.0, double(m_done) / double(m_total)) : 0;
    if (m_jobs > 1)
        return m_phase == "done" ? 1.0 : (double(m_job - 1)) / double(m_jobs);
    return m_total > 0 ? std::optional(part) : std::nullopt;
}

std::optional<double> RunProgress::remaining(double seconds) const
{
    if (m_jobs > 1) {
        const double finished = double(m_job - 1);
        return finished > 0 ? std::optional(seconds / finished * (double(m_jobs) - finished)) : std::nullopt;
    }
    const auto steps = double(m_done - m_first);
    const double spent = seconds - m_phaseBegin;
    if (steps <= 0 || spent < 0.5 || m_total <= m_done)
        return std::nullopt;
    return spent / steps * double(m_total - m_done);
}

std::string RunProgress::text(double seconds) const
{
    std::string text = m_jobs > 1 ? fmt::format("{} of {}", m_job, m_jobs) : "";
    if (!m_phase.empty())
        text += (text.empty() ? "" : ", ") + m_phase;
    if (const auto left = remaining(seconds))
        text += fmt::format(", about {} left", clockText(*left));
    return text;
}

} // namespace kvviz::views
