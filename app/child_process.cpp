// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// fork and exec: posix_spawn cannot ask for a signal when the parent dies.
#include "app/child_process.hpp"

#include "core/error.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace kvviz::app {
namespace {

constexpr int kPollMilliseconds = 200;
constexpr int kCannotExec = 127;

/// A file descriptor that is closed at the end.
class Descriptor {
public:
    explicit Descriptor(int number) : m_number(number) {}
    ~Descriptor() { close(); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    [[nodiscard]] int get() const { return m_number; }
    void close()
    {
        if (m_number >= 0)
            ::close(m_number);
        m_number = -1;
    }

private:
    int m_number;
};

[[noreturn]] void fail(const std::filesystem::path& program)
{
    throw core::Error(core::ErrorCode::failure,
                      fmt::format("{} could not be started: {}", program.string(), std::strerror(errno)));
}

/// In the child: only calls that are allowed between fork and exec.
[[noreturn]] void becomeProgram(const char* program, char* const* argv, int output, int errors, pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(kCannotExec); // it died before we could ask for the signal
    std::signal(SIGPIPE, SIG_DFL);
    const int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, STDIN_FILENO);
    dup2(output >= 0 ? output : nothing, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    execv(program, argv);
    _exit(kCannotExec);
}

pid_t start(const std::filesystem::path& program, const std::vector<std::string>& arguments, int output, int errors)
{
    const std::string path = program.string();
    std::vector<char*> argv{const_cast<char*>(path.c_str())};
    for (const std::string& argument : arguments)
        argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child < 0)
        fail(program);
    if (child == 0)
        becomeProgram(path.c_str(), argv.data(), output, errors, parent);
    return child;
}

/// Cuts what comes into lines; '\r' and the code that clears a terminal's line end one as well.
class LineCutter {
public:
    explicit LineCutter(const LineHandler& onLine) : m_onLine(onLine) {}
    ~LineCutter() { end(); }
    LineCutter(const LineCutter&) = delete;
    LineCutter& operator=(const LineCutter&) = delete;

    void add(std::string_view bytes)
    {
        for (const char c : bytes)
            if (c == '\n' || c == '\r')
                end();
            else
                m_line += c;
    }

private:
    void end()
    {
        if (m_line.starts_with("\033[K"))
            m_line.erase(0, 3);
        if (!m_line.empty())
            m_onLine(m_line);
        m_line.clear();
    }

    const LineHandler& m_onLine;
    std::string m_line;
};

/// Until the child has closed its standard error.
void readAll(int descriptor, pid_t child, const LineHandler& onLine, const std::stop_token& stop)
{
    LineCutter lines(onLine);
    bool asked = false;
    std::array<char, 4096> buffer{};
    while (true) {
        if (stop.stop_requested() && !asked) {
            asked = true;
            kill(child, SIGINT);
        }
        pollfd wanted{descriptor, POLLIN, 0};
        const int ready = poll(&wanted, 1, kPollMilliseconds);
        if (ready == 0 || (ready < 0 && errno == EINTR))
            continue;
        const ssize_t count = read(descriptor, buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return;
        lines.add({buffer.data(), static_cast<std::size_t>(count)});
    }
}

int waitFor(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace

int runChild(const std::filesystem::path& program, const std::vector<std::string>& arguments,
             const LineHandler& onLine, const std::stop_token& stop, const std::filesystem::path& output)
{
    const Descriptor file(output.empty() ? -1 : open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!output.empty() && file.get() < 0)
        throw core::Error(core::ErrorCode::failure,
                          fmt::format("'{}' cannot be written: {}", output.string(), std::strerror(errno)));
    std::array<int, 2> ends{-1, -1};
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
        fail(program);
    const Descriptor reading(ends[0]);
    Descriptor writing(ends[1]);
    const pid_t child = start(program, arguments, file.get(), writing.get());
    writing.close();
    readAll(reading.get(), child, onLine, stop);
    return waitFor(child);
}

} // namespace kvviz::app
