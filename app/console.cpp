// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Progress and notes on standard error. One object for the process, since a terminal has one last line.
#include "app/console.hpp"

#include "app/interrupt.hpp"
#include "app/version.hpp"
#include "core/text.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <unistd.h>

namespace kvviz::app {
namespace {

constexpr std::size_t kMostMessage = 1200; ///< bytes of an error, whatever was given to the program

using Clock = std::chrono::steady_clock;

std::string clockText(double seconds)
{
    const auto whole = static_cast<long long>(std::llround(seconds));
    if (whole >= 3600)
        return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
    return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

class ProgressLine {
public:
    void report(std::string_view phase, std::int64_t done, std::int64_t total)
    {
        const std::scoped_lock lock(m_mutex);
        const Clock::time_point now = Clock::now();
        const bool fresh = phase != m_phase || done < m_done;
        if (fresh) {
            m_phase = phase;
            m_begin = now;
            m_first = done;
        }
        m_done = done;
        const bool last = done == total && (m_terminal || m_forProgram);
        // A terminal is redrawn ten times a second; a log gets a line at the start and then every five seconds.
        const auto pause = std::chrono::milliseconds(m_terminal || m_forProgram ? 100 : 5000);
        if (m_drawnOnce && now - m_drawn < pause && !last && !(m_forProgram && fresh))
            return;
        m_drawnOnce = true;
        m_drawn = now;
        if (m_forProgram) {
            std::fputs(fmt::format("@progress {} {} {}\n", done, total, phase).c_str(), stderr);
            std::fflush(stderr);
            return;
        }
        const std::string line = text(now, total);
        std::fputs((m_terminal ? "\r\033[K" + line : line + "\n").c_str(), stderr);
        std::fflush(stderr);
        m_open = m_terminal;
    }

    void close()
    {
        const std::scoped_lock lock(m_mutex);
        closeLine();
    }

    void note(std::string_view message)
    {
        const std::scoped_lock lock(m_mutex);
        closeLine();
        std::fputs((std::string(message) + "\n").c_str(), stderr);
    }

private:
    void closeLine()
    {
        if (m_open)
            std::fputs("\r\033[K", stderr);
        m_open = false;
    }

    [[nodiscard]] std::string text(Clock::time_point now, std::int64_t total) const
    {
        std::string result = m_phase;
        if (total > 0)
            result += fmt::format("  {}/{}  {} %", m_done, total, 100 * m_done / total);
        else if (m_done > 0)
            result += fmt::format("  {}", m_done);
        const double seconds = std::chrono::duration<double>(now - m_begin).count();
        const auto steps = static_cast<double>(m_done - m_first);
        if (seconds < 0.5 || steps <= 0)
            return result;
        result += fmt::format("  {:.3g}/s", steps / seconds);
        if (total > m_done)
            result += fmt::format("  ETA {}", clockText(static_cast<double>(total - m_done) * seconds / steps));
        return result;
    }

    /// A program that started us draws the progress itself: one plain line each, of a form that it can read.
    static bool isForProgram()
    {
        const char* wanted = std::getenv("KVVIZ_PROGRESS");
        return wanted != nullptr && std::string_view(wanted) == "lines";
    }

    std::mutex m_mutex;
    const bool m_forProgram = isForProgram();
    const bool m_terminal = !m_forProgram && isatty(STDERR_FILENO) == 1;
    bool m_open = false;
    bool m_drawnOnce = false;
    std::string m_phase;
    std::int64_t m_done = 0;
    std::int64_t m_first = 0;
    Clock::time_point m_begin;
    Clock::time_point m_drawn;
};

ProgressLine& progressLine()
{
    static ProgressLine line;
    return line;
}

} // namespace

core::Progress consoleProgress(const CommonOptions& common)
{
    core::Progress progress;
    progress.stop = interruptToken();
    if (!common.quiet)
        progress.report = [](std::string_view phase, std::int64_t done, std::int64_t total) {
            progressLine().report(phase, done, total);
        };
    return progress;
}

void finishProgress() { progressLine().close(); }

void printError(std::string_view message, std::string_view hint)
{
    finishProgress();
    std::fflush(stdout);
    std::fputs(fmt::format("kvviz: error: {}\n{}", core::shown(message, kMostMessage),
                           hint.empty() ? "" : fmt::format("{}\n", hint)).c_str(), stderr);
}

int printErrors(std::span<const core::Error> errors)
{
    for (const core::Error& error : errors)
        printError(error.what());
    return errors.empty() ? 0 : errors.front().exitStatus();
}

void note(const CommonOptions& common, std::string_view message)
{
    if (!common.quiet)
        progressLine().note(message);
}

bool useColor(const CommonOptions& common, int fileDescriptor)
{
    if (common.color != "auto")
        return common.color == "always";
    const char* noColor = std::getenv("NO_COLOR");
    const char* terminal = std::getenv("TERM");
    const bool dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
    return (noColor == nullptr || *noColor == '\0') && !dumb && isatty(fileDescriptor) == 1;
}

std::string utcNow() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))); }

std::string creatorName() { return fmt::format("kvviz {}", version()); }

} // namespace kvviz::app
